"""Which runs of a study have ended, and how: what planning, progress and dry runs look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, search_tasks

#: `timeout`: a search trial stopped by the study's `trial_time_limit`.
State = Literal["complete", "pruned", "timeout", "diverged", "failed"]
STATES: tuple[State, ...] = ("complete", "pruned", "timeout", "diverged", "failed")


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


def winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> Finished | None:
    """The cell's complete search trial with the best validation score; the earlier of equals; None without one."""
    trials = [finished.get(task) for task in search_tasks(spec, cell)]
    complete = [trial for trial in trials if trial is not None and trial.state == "complete"]
    return max(complete, key=lambda trial: trial.score, default=None)


def has_no_winner(spec: StudySpec, finished: FinishedRuns, cell: Cell) -> bool:
    """Whether every search trial of a cell has ended and none is complete: there is nothing to test."""
    ended = [finished.get(task) for task in search_tasks(spec, cell)]
    return bool(ended) and all(end is not None and end.state != "complete" for end in ended)
