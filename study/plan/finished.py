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


def winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> Finished | None:
    """The cell's search trial that wins by `winning_place`; None without one."""
    trials = [finished[task] for task in search_tasks(spec, cell) if task in finished]
    place = winning_place((trial.state, trial.score) for trial in trials)
    return None if place is None else trials[place]


def has_no_winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> bool:
    """Whether every trial of a searched cell has ended and none won: there is nothing to test."""
    return all(task in finished for task in search_tasks(spec, cell)) and winner(spec, finished, cell) is None
