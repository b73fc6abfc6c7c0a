"""Tables, figures, statistics and a report of studies. `open_study` opens one from Python."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.opened_study import OpenedStudy, open_study

__all__ = ["OpenedStudy", "open_study"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: reading records needs no matplotlib."""
    if name in __all__:
        from analysis import opened_study

        return getattr(opened_study, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
