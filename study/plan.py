"""What a study runs next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from study.jobs import Cell, Task, baseline_tasks, cells, replicate_tasks, search_tasks
from study.spec import StudySpec
from study.state import FinishedRuns, winner


@dataclass
class _CellPlan:
    cell: Cell
    search: list[Task]
    replicates: list[Task]
    started: int  #: search trials started or finished
    left: int  #: search trials not finished, running ones included
    running: int = 0


class Plan:
    """Hands out the study's tasks, each once, in an order that keeps every slot busy.

    Replicates come first, so that cells are completed as soon as their search is; then search trials of the cell
    that has had the fewest, at most `parallel_trials` of a cell at a time; baselines fill what is idle. A cell whose
    search ended without a complete trial has nothing to replicate. `finished` is looked at again at every call.
    """

    def __init__(self, spec: StudySpec, finished: FinishedRuns) -> None:
        self._spec, self._finished = spec, finished
        self._cells: dict[Cell, _CellPlan] = {}
        for cell in cells(spec):
            search = self._todo(search_tasks(spec, cell))
            started = spec.trials_of(cell.filter) - len(search)
            replicates = self._todo(replicate_tasks(spec, cell))
            self._cells[cell] = _CellPlan(cell, search, replicates, started, len(search))
        self._baselines = self._todo(baseline_tasks(spec))

    def _todo(self, tasks: Iterable[Task]) -> list[Task]:
        """Unfinished tasks, the first one last, to be popped."""
        return [task for task in tasks if task not in self._finished][::-1]

    def next_task(self) -> Task | None:
        """The next task to start; None where all that is left waits for running ones, or nothing is left."""
        for plan in self._cells.values():
            if plan.replicates and plan.left == 0:
                if winner(self._spec, self._finished, plan.cell) is not None:
                    return plan.replicates.pop()
                plan.replicates.clear()
        ready = [plan for plan in self._cells.values() if plan.search and plan.running < self._spec.parallel_trials]
        if ready:
            chosen = min(ready, key=lambda plan: plan.started)
            chosen.started += 1
            chosen.running += 1
            return chosen.search.pop()
        return self._baselines.pop() if self._baselines else None

    def ended(self, task: Task) -> None:
        """A task that was handed out is now among the finished."""
        if task.kind == "search":
            self._cells[task.cell].running -= 1
            self._cells[task.cell].left -= 1

    @property
    def exhausted(self) -> bool:
        """Whether every task has been handed out (or can never be)."""
        return not self._baselines and all(
            not plan.search and (not plan.replicates or (plan.left == 0 and self._hopeless(plan)))
            for plan in self._cells.values()
        )

    def _hopeless(self, plan: _CellPlan) -> bool:
        return winner(self._spec, self._finished, plan.cell) is None
