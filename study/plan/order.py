"""What a study runs next."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from study.plan.finished import Finished, FinishedRuns, done, winner
from study.plan.run_times import RunTimes
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, cells, final_tasks, reference_cells, search_tasks, searched_cells


@dataclass
class _CellPlan:
    cell: Cell
    search: list[Task]
    tests: list[Task]  #: none before the search has ended, for they are the winner's
    started: int  #: search trials started or finished
    left: int  #: search trials not finished, running ones included
    running: int = 0
    winner: Finished | None = None  #: known, where there is one, once nothing is left to search


class Plan:
    """Hands out the study's tasks, each once, in an order that keeps every slot busy.

    Test runs of searched cells come first, so that cells are completed as soon as their search is; then search trials
    of the cell that has had the fewest, at most `parallel_trials` of a cell at a time; test runs of what is not
    searched fill what is idle. Of equals the slowest comes first, so that the last runs are short and slots fall idle
    together.
    A cell whose search ended without a complete trial has nothing to test. `of` are the cells that are planned, all
    unless they are given.
    """

    def __init__(self, spec: StudySpec, finished: FinishedRuns, of: Collection[Cell] | None = None) -> None:
        self._spec, self._finished = spec, finished
        self._times = RunTimes()
        for task, ended in finished.items():
            self._times.add(task, ended.seconds)
        self._cells: dict[Cell, _CellPlan] = {}
        planned = [cell for cell in [*cells(spec), *reference_cells(spec)] if of is None or cell in of]
        searched = set(searched_cells(spec))
        for cell in (cell for cell in planned if cell in searched):
            search = self._todo(search_tasks(spec, cell))
            started = spec.trials_of(cell.method) - len(search)
            self._cells[cell] = _CellPlan(cell, search, [], started, len(search))
            if not search:
                self._end_search(self._cells[cell])
        others = [cell for cell in planned if cell not in searched]
        self._unsearched = self._todo(task for cell in others for task in final_tasks(spec, cell))

    def _todo(self, tasks: Iterable[Task]) -> list[Task]:
        """Tasks that are not done, the first one last, to be popped."""
        planned = list(tasks)
        ended = set(done(self._spec, self._finished, planned))
        return [task for task in planned if task not in ended][::-1]

    def next_task(self) -> Task | None:
        """The next task to start; None where all that is left waits for running ones, or nothing is left."""
        searched = [plan for plan in self._cells.values() if plan.tests and plan.winner is not None]
        if searched:
            return max(searched, key=lambda plan: plan.winner.seconds if plan.winner else 0.0).tests.pop()
        ready = [plan for plan in self._cells.values() if plan.search and plan.running < self._spec.parallel_trials]
        if ready:
            chosen = min(ready, key=lambda plan: (plan.started, -(self._times.expected(plan.search[-1]) or 0.0)))
            chosen.started += 1
            chosen.running += 1
            return chosen.search.pop()
        return self._unsearched.pop() if self._unsearched else None

    def take(self, tasks: Iterable[Task]) -> list[Task]:
        """Hand out those of the tasks that wait, beside one that has been."""
        return [task for task in tasks if self._take(task)]

    def _take(self, task: Task) -> bool:
        plan = self._cells.get(task.cell)
        searched = None if plan is None else {"test": plan.tests, "search": plan.search}
        waiting = self._unsearched if searched is None else searched[task.kind]
        if task not in waiting:
            return False
        waiting.remove(task)
        if plan is not None and task.kind == "search":
            plan.started += 1
            plan.running += 1
        return True

    def ended(self, task: Task) -> None:
        """A task that was handed out is now among the finished."""
        self._times.add(task, self._finished[task].seconds)
        if task.kind == "search":
            plan = self._cells[task.cell]
            plan.running -= 1
            plan.left -= 1
            if plan.left == 0:
                self._end_search(plan)

    def _end_search(self, plan: _CellPlan) -> None:
        plan.winner = winner(self._spec, self._finished, plan.cell)
        if plan.winner is not None:
            plan.tests = self._todo(final_tasks(self._spec, plan.cell))

    def requeue(self, task: Task) -> None:
        """A task that was handed out came to no end, and is the next of its kind to be handed out again."""
        plan = self._cells.get(task.cell)
        if plan is None:
            self._unsearched.append(task)
        elif task.kind == "test":
            plan.tests.append(task)
        else:
            plan.search.append(task)
            plan.started -= 1
            plan.running -= 1

    @property
    def exhausted(self) -> bool:
        """Whether every task has been handed out (or can never be); a search that runs may have a winner to test."""
        return not self._unsearched and not any(plan.left or plan.tests for plan in self._cells.values())
