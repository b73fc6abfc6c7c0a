"""How long runs of a kind take, from runs like them."""

from __future__ import annotations

from collections import defaultdict

from study.plan.tasks import Task


class RunTimes:
    """Mean seconds of the runs added so far; of those most alike: of the same data set, kind and method at best."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, ...], float] = defaultdict(float)
        self._runs: dict[tuple[str, ...], int] = defaultdict(int)

    def add(self, task: Task, seconds: float) -> None:
        for group in _alike(task):
            self._seconds[group] += seconds
            self._runs[group] += 1

    def expected(self, task: Task) -> float | None:
        """Seconds that a run will take; None while there is none to tell it from."""
        return next((self._mean(group) for group in _alike(task) if group in self._runs), None)

    def of_its_own(self, task: Task) -> float | None:
        """The same from runs of its data set, kind and method alone."""
        group = _alike(task)[0]
        return self._mean(group) if group in self._runs else None

    def _mean(self, group: tuple[str, ...]) -> float:
        return self._seconds[group] / self._runs[group]


def _alike(task: Task) -> list[tuple[str, ...]]:
    """Groups of runs that take about as long as this one, the closest first."""
    dataset, kind = task.cell.dataset, task.kind
    return [(dataset, kind, task.cell.method), (dataset, kind), (dataset,), ()]
