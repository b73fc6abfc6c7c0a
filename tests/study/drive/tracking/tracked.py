"""What the tests of trackers share: a run to follow, and a tracker that writes down what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from study.drive.tracking.follower import Follower
from study.drive.tracking.tracker import Ending, Tracker
from study.drive.tracking.trackers import Trackers
from study.plan.tasks import Job
from study.work.runs import Step

RUN = "blobs-gcn-8-search-3"


@dataclass
class Heard:
    """A tracker that writes down what it is told."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        self.calls.append(("begin", run))

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        self.calls.append(("log", run, step))

    def end(self, run: str, ending: Ending) -> None:
        self.calls.append(("end", run, ending))

    def close(self) -> None:
        self.calls.append(("close",))


def trackers_of(*trackers: Tracker) -> Trackers:
    """Trackers of which none may raise."""
    return Trackers([Follower(tracker, on_error=pytest.fail) for tracker in trackers])


def step(epoch: int, score: float, state: Any = "running") -> Step:
    epochs = [{"epoch": one, "loss": 1.0 / one, "map": score - 0.1 * (epoch - one)} for one in (epoch - 1, epoch)]
    return Step(state, {"scored_on": "validation", "epochs": epoch, "map": score, "host": "here"}, epochs)


def follow(trackers: Trackers, job: Job) -> None:
    """Two runs at once: one that completes, and the next of its cell, which fails."""
    other = replace(job, task=replace(job.task, index=4))
    trackers.begin(job)
    trackers.log(job.task, step(2, 0.5))
    trackers.begin(other)
    trackers.log(job.task, step(4, 0.75, "complete"))
    trackers.end(other.task, "failed")
    trackers.end(job.task, "complete")
    trackers.close()
