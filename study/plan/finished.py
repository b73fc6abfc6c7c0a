"""Which runs of a study have ended, and how: what planning, progress and dry runs look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, search_tasks

#: `timeout`: a search trial stopped by the study's `trial_time_limit`.
State = Literal["complete", "pruned", "timeout", "diverged", "failed"]
STATES: tuple[State, ...] = ("complete", "pruned", "timeout", "diverged", "failed")
_WORDS = {"timeout": "over the time limit"}


@dataclass(frozen=True)
class Finished:
    """The end of one run. `score` is its part of the study's objective (validation or test), NaN without one."""

    state: State
    score: float = math.nan
    chosen_epoch: int = 0
    seconds: float = 0.0
    device_seconds: float = 0.0
    params: dict[str, Any] = field(default_factory=dict)
    planned_epochs: int | None = None  #: what the study said when it was begun; a longer study has other trials
    winner: int | None = None  #: of a test run in a searched cell: the index of the trial that it was trained like
    #: digests (SHA-256) of the files that it left, by what they are; None where these were not kept
    files: Mapping[str, str] | None = None


FinishedRuns = Mapping[Task, Finished]


def ends_in_words(counts: Mapping[Any, int]) -> list[str]:
    """How the runs that are not complete ended, from their number by state: ``9 pruned``, ``1 failed``."""
    return [
        f"{counts[state]} {_WORDS.get(state, state)}"
        for state in STATES
        if state != "complete" and counts.get(state, 0)
    ]


def winning_place(trials: Iterable[tuple[str, float]]) -> int | None:
    """Which of a cell's search trials wins: the complete one with the best validation score, the earlier of equals.

    `trials` are state and score of each in the order of their index, NaN where there is no score. None without one.
    """
    scores = {
        place: score for place, (state, score) in enumerate(trials) if state == "complete" and not math.isnan(score)
    }
    return max(scores, key=lambda place: scores[place], default=None)


def winning_task(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> Task | None:
    """The cell's search trial that wins by `winning_place`; None without one."""
    ended = [task for task in search_tasks(spec, cell) if task in finished]
    place = winning_place((finished[task].state, finished[task].score) for task in ended)
    return None if place is None else ended[place]


def winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> Finished | None:
    """How the trial of `winning_task` ended."""
    task = winning_task(spec, finished, cell)
    return None if task is None else finished[task]


def done(spec: StudySpec, finished: FinishedRuns, tasks: Iterable[Task]) -> list[Task]:
    """Those of the tasks that have ended and count: a test run does while the trial that it was trained like wins its
    cell.

    A study that is extended may find another winner, whose test runs take the place of the former one's.
    """
    winners: dict[Cell, Task | None] = {}

    def counts(task: Task) -> bool:
        ended = finished.get(task)
        if ended is None or ended.winner is None:
            return ended is not None
        if task.cell not in winners:
            winners[task.cell] = winning_task(spec, finished, task.cell)
        best = winners[task.cell]
        return best is not None and best.index == ended.winner

    return [task for task in tasks if counts(task)]


def has_no_winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> bool:
    """Whether every trial of a searched cell has ended and none won: there is nothing to test."""
    return all(task in finished for task in search_tasks(spec, cell)) and winner(spec, finished, cell) is None
