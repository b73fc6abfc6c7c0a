"""Jobs of one configuration that differ in the seed: trained side by side, each reported as if it had been alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hasher.contract import EpochResult
from hasher.training.loop import GradientTraining
from hasher.training.side_by_side import Together
from study.plan.tasks import Job
from study.work.data import StudyData
from study.work.runs import EpochWork, Step, Work, epoch_work, start_work


@dataclass
class _Member:
    """One of several trainings; `work` is None for one of which nothing is wanted but that it is there."""

    training: GradientTraining
    work: EpochWork | None
    diverged: bool = False

    @property
    def is_going(self) -> bool:
        return not self.diverged and self.training.epoch < self.training.epochs

    def take(self, result: EpochResult) -> None:
        self.diverged = result.diverged
        if self.work is not None:
            self.work.take(result)


class JobsWork:
    """What a worker does in one trial: a job, or several of a group, trained by `hasher.training.side_by_side`.

    Those of the group that have ended before are trained along and not reported again: who is stacked with whom decides
    how sums are rounded.
    """

    def __init__(self, jobs: Sequence[Job], data: StudyData) -> None:
        self._together = Together()
        self._members: list[_Member] = []
        self._ended = [False for _ in jobs]
        group = jobs[0].group
        if not group:
            self._works: Sequence[Work] = [start_work(jobs[0], data)]
            return
        works = {job.task.index: epoch_work(job, data) for job in jobs}
        self._works = list(works.values())
        first = works[jobs[0].task.index].start().training
        if first is None:  # there is no such code of the data
            return
        assert isinstance(first, GradientTraining)  # no other is put together, see `study.drive.grouping`
        for index, seed in group:
            training = first if index == jobs[0].task.index else first.with_seed(seed)
            work = works.get(index)
            self._members.append(_Member(training, work and work.start(training)))

    def step(self) -> list[Step | None]:
        """`Work.step` of each job; None of what has ended before."""
        if self._members:
            self._run_epochs()
        found = [
            None if ended else self._report(work) for work, ended in zip(self._works, self._ended, strict=True)
        ]  # fmt: skip
        self._ended = [step is None or step.state != "running" for step in found]
        return found

    def _report(self, work: Work) -> Step:
        return work.report() if self._members and isinstance(work, EpochWork) else work.step()

    def _run_epochs(self) -> None:
        """As many as there are until the next report, or until nothing is left of which there is one."""
        going = [member.work for member in self._members if member.work is not None and member.is_going]
        for _ in range(going[0].epochs_to_report()):
            members = [member for member in self._members if member.is_going]
            results = self._together.run_epoch([member.training for member in members])
            for member, result in zip(members, results, strict=True):
                member.take(result)
            if not any(work.is_going for work in going):
                break

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of the same jobs needs to go on from here."""
        return {
            "works": [work.state_dict() for work in self._works],
            "ended": self._ended,
            "companions": [member.training.state_dict() for member in self._members if member.work is None],
            "diverged": [member.diverged for member in self._members],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for work, its in zip(self._works, state["works"], strict=True):
            work.load_state_dict(its)
        companions = (member.training for member in self._members if member.work is None)
        for training, its in zip(companions, state["companions"], strict=True):
            training.load_state_dict(its)
        for member, diverged in zip(self._members, state["diverged"], strict=True):
            member.diverged = diverged
        self._ended = state["ended"]
