"""How many runs of a study are planned, done and left, and how much work is left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from study.plan.finished import FinishedRuns, State, done, ends_in_words, has_no_winner
from study.plan.run_times import RunTimes
from study.plan.spec import StudySpec
from study.plan.tasks import Task, all_tasks, searched_cells


@dataclass(frozen=True)
class Counts:
    """Counts over all runs of a study."""

    planned: int
    done: int
    states: Counter[State]  #: of the runs done
    impossible: int  #: test runs that can never be, since their cell's search found no winner
    seconds_left: float | None  #: of work in one slot; None while nothing has finished that it could be told from

    @property
    def left(self) -> int:
        return self.planned - self.done - self.impossible

    def in_words(self) -> str:
        """One line: ``120 of 330 runs done (9 pruned, 1 failed)``."""
        notable = ends_in_words(self.states)
        if self.impossible:
            notable.append(f"{self.impossible} without a winner to test")
        return f"{self.done} of {self.planned} runs done" + (f" ({', '.join(notable)})" if notable else "")


def count_runs(spec: StudySpec, finished: FinishedRuns) -> Counts:
    """Counts, and the work left estimated from what finished runs of the same kind took."""
    tasks = all_tasks(spec)
    times = RunTimes()
    for task, one in finished.items():
        times.add(task, one.seconds)
    left = tasks_left(spec, finished)
    ended = done(spec, finished, tasks)
    return Counts(
        planned=len(tasks),
        done=len(ended),
        states=Counter(finished[task].state for task in ended),
        impossible=len(tasks) - len(ended) - len(left),
        seconds_left=sum(times.expected(task) or 0.0 for task in left) if finished else None,
    )


def tasks_left(spec: StudySpec, finished: FinishedRuns) -> list[Task]:
    """Everything without an end, save test runs of cells whose search found no winner."""
    hopeless = {cell for cell in searched_cells(spec) if has_no_winner(spec, finished, cell)}
    tasks = all_tasks(spec)
    ended = set(done(spec, finished, tasks))
    return [task for task in tasks if task not in ended and not (task.kind == "test" and task.cell in hopeless)]


def duration(seconds: float) -> str:
    """Seconds as a person says them: 40 s, 3 min, 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
