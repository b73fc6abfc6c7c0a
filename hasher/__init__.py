"""Deep hashing with graph filters. `load_hasher` and `HammingIndex` are what a finished study is used with."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hasher.model_file import load_hasher
    from hasher.search.index import HammingIndex

__all__ = ["HammingIndex", "load_hasher"]


def __getattr__(name: str) -> Any:
    """Import the two names above when they are asked for: most of the package needs neither torch nor faiss."""
    if name == "load_hasher":
        from hasher.model_file import load_hasher

        return load_hasher
    if name == "HammingIndex":
        from hasher.search.index import HammingIndex

        return HammingIndex
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
