"""All that trackers are shown of a run: its name, its hyperparameters and its scores."""

from __future__ import annotations

import math
from typing import Any

from hasher.methods.registry import find_method
from hasher.retrieval.metrics import SCORES
from study.plan.tasks import Job, Task
from study.work.runs import Step


def name_of(task: Task) -> str:
    """A run's name, which is also that of its folder where a tracker keeps one."""
    return f"{task.cell.dataset}-{task.cell.method}-{task.cell.bits}-{task.kind}-{task.index}"


def parameters_of(job: Job) -> dict[str, Any]:
    """Which run it is, and its hyperparameters."""
    task = job.task
    named = {"dataset": task.cell.dataset, "method": task.cell.method, "bits": task.cell.bits, "kind": task.kind,
             "index": task.index, "seed": job.seed}  # fmt: skip
    sampled = find_method(task.cell.method).settings(job.config) if job.config else {}
    return {key: value for key, value in {**sampled, **named}.items() if value is not None}


def position_of(step: Step) -> int:
    """Where on the axis its values are: epochs so far, or 1 for a run that has none."""
    return int(step.outcome.get("epochs") or 1)


def values_of(step: Step) -> dict[str, float]:
    """The numbers of one step: losses and validation score of its last epoch, and the scores of the run so far (`best_`
    on validation queries, `test_` on test queries). What is not finite is left out."""
    epoch = dict(step.epochs[-1]) if step.epochs else {}
    prefix = "test" if step.outcome.get("scored_on") == "test" else "best"
    names = [score.name for score in SCORES if step.outcome.get(score.name) is not None]
    scores = {f"{prefix}_{name}": step.outcome[name] for name in names}
    return {key: float(value) for key, value in {**epoch, **scores}.items() if math.isfinite(value)}
