"""Hyperparameter studies of hashing methods. `run` runs one from Python."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.from_python import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: `study.plan` needs neither Ray nor torch."""
    if name == "run":
        from study.from_python import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
