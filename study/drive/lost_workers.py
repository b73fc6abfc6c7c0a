"""Which runs have lost their worker too often to be started again."""

from __future__ import annotations

from collections.abc import Callable

from study.plan.tasks import Task

#: Times a run is started again after losing its worker by itself.
RETRIES = 3


class LostWorkers:
    """Counts the workers that each run has lost, less those that went down with their node.

    A run that crashes its worker, or has the system kill it for its memory, will do so wherever it is started; one
    whose node dies may be started again as often as it takes. Ray notices the death of a node seconds after that of a
    worker there, so a lost worker is judged anew at the run's next one: it is excused where a node has died since the
    attempt began. `dead_nodes` tells how many have died so far.
    """

    def __init__(self, dead_nodes: Callable[[], int]) -> None:
        self._dead_nodes = dead_nodes
        self._seen: dict[Task, list[int]] = {}  # dead nodes at the start of a run, and as each of its workers was lost

    def began(self, task: Task) -> None:
        """A run starts, for the first time or after its executor has let go of it."""
        self._seen.setdefault(task, [self._dead_nodes()])

    def retries_left(self, task: Task) -> int:
        """Note one more lost worker. Returns how many more the run may lose; below 0, this was one too many."""
        seen = self._seen[task]
        seen.append(self._dead_nodes())
        lost = len(seen) - 1
        return RETRIES - sum(seen[min(attempt + 2, lost)] == seen[attempt] for attempt in range(lost))

    def ended(self, task: Task) -> None:
        """A run has ended, and is forgotten."""
        self._seen.pop(task, None)
