"""What a tracker is to a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

#: How a run ended, as far as trackers tell ends apart.
Ending = Literal["complete", "failed"]


class Tracker(Protocol):
    """Shows runs, each under a name that no other open run has. Methods may raise whatever its client does."""

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        """A run begins."""

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        """Values of an open run at a step. A run that lost its worker may repeat steps."""

    def end(self, run: str, ending: Ending) -> None:
        """An open run has ended, and its name is free again."""

    def close(self) -> None:
        """No more runs come, and none is open."""
