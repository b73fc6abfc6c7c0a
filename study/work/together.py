"""Jobs of one configuration that differ in the seed: trained side by side, each reported as if it had been alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hasher.training.loop import GradientTraining
from hasher.training.side_by_side import Together
from study.plan.tasks import Job
from study.work.data import StudyData
from study.work.runs import EpochWork, Step, Work, epoch_work, start_work


class JobsWork:
    """What a worker does in one trial: a job, or several whose trainings `hasher.training.side_by_side` takes."""

    def __init__(self, jobs: Sequence[Job], data: StudyData) -> None:
        self._works: Sequence[Work] = [start_work(jobs[0], data)] if len(jobs) == 1 else _begin(jobs, data)
        self._ended = [False for _ in jobs]
        self._together = Together()

    def step(self) -> list[Step | None]:
        """`Work.step` of each; None of what has ended before."""
        going = [work for work, ended in zip(self._works, self._ended, strict=True) if not ended]
        steps = iter([going[0].step()] if len(self._works) == 1 else self._all(going))
        found = [None if ended else next(steps) for ended in self._ended]
        self._ended = [step is None or step.state != "running" for step in found]
        return found

    def _all(self, works: Sequence[Work]) -> list[Step]:
        going = [work for work in works if isinstance(work, EpochWork)]
        running = list(going)
        for _ in range(going[0].epochs_to_report()):
            trainings = [_training(work) for work in running]
            for work, result in zip(running, self._together.run_epoch(trainings), strict=True):
                work.take(result)
            running = [work for work in running if work.is_going]
            if not running:
                break
        return [work.report() for work in going]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of the same jobs needs to go on from here."""
        return {"works": [work.state_dict() for work in self._works], "ended": self._ended}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for work, its in zip(self._works, state["works"], strict=True):
            work.load_state_dict(its)
        self._ended = state["ended"]


def _begin(jobs: Sequence[Job], data: StudyData) -> list[EpochWork]:
    first = epoch_work(jobs[0], data).start()
    if first.training is None:  # there is no such code of the data
        return [first, *(epoch_work(job, data) for job in jobs[1:])]
    training = _training(first)
    return [first, *(epoch_work(job, data).start(training.with_seed(job.seed)) for job in jobs[1:])]


def _training(work: EpochWork) -> GradientTraining:
    assert isinstance(work.training, GradientTraining)  # others are never put together, see `study.drive.grouping`
    return work.training
