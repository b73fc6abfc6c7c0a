"""A study's runs, shown to all the trackers that follow it."""

from __future__ import annotations

from collections.abc import Sequence

from study.drive.tracking.follower import Call, Follower
from study.drive.tracking.shown import name_of, parameters_of, position_of, values_of
from study.drive.tracking.tracker import Ending
from study.plan.tasks import Job, Task
from study.work.runs import Step


class Trackers:
    """Passes on what becomes of every run. None of its methods raises, and only `close` waits."""

    def __init__(self, followers: Sequence[Follower] = ()) -> None:
        self._followers = list(followers)
        self._open: list[Task] = []

    def begin(self, job: Job) -> None:
        """A run begins. A retry after a lost worker is no new run."""
        run, parameters = name_of(job.task), parameters_of(job)
        self._open.append(job.task)
        self._tell(lambda tracker: tracker.begin(run, parameters))

    def log(self, task: Task, step: Step) -> None:
        """A step of a run was taken in."""
        run, position, values = name_of(task), position_of(step), values_of(step)
        if values:
            self._tell(lambda tracker: tracker.log(run, position, values))

    def end(self, task: Task, ending: Ending) -> None:
        """A run has ended, or was put back to be redone, which is to fail: a new run will do it."""
        run = name_of(task)
        self._open.remove(task)
        self._tell(lambda tracker: tracker.end(run, ending))

    def close(self) -> None:
        """The study has ended; runs stopped midway have failed. Waits until the trackers know it all."""
        for task in list(self._open):
            self.end(task, "failed")
        while self._followers:
            self._followers.pop().finish()

    def _tell(self, call: Call) -> None:
        for follower in self._followers:
            follower.tell(call)
