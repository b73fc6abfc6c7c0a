"""When a study stops by itself, with runs left: after a time, or once it has cost what it may."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ray.tune import Stopper

from study.plan.finished import FinishedRuns
from study.plan.run_times import RunTimes
from study.plan.tasks import Task


class DeviceHours:
    """A cap on what a study costs, over all the runs it has recorded, those of earlier sittings included.

    Runs in flight count for what runs like them took, or for what they have taken where that is more; they are let
    finish. So the cap is passed by no more than about one run, or as many as are trained together.
    """

    def __init__(self, hours: float, finished: FinishedRuns, devices: float) -> None:
        self._cap, self._finished, self._devices = hours * 3600, finished, devices
        self._seen = 0
        self._recorded = 0.0
        self._times = RunTimes()

    def are_spent(self, running: Iterable[tuple[Task, float]]) -> bool:
        """Whether nothing more may start beside the `running` tasks, given with the seconds each has taken."""
        for task, ended in islice(self._finished.items(), self._seen, None):
            self._recorded += ended.device_seconds
            self._times.add(task, ended.seconds)
        self._seen = len(self._finished)
        in_flight = sum(max(self._times.expected(task) or 0.0, seconds) for task, seconds in running)
        return self._recorded + in_flight * self._devices >= self._cap


class Deadline(Stopper):
    """A time, `seconds` from now, at which every running trial is stopped, as Ctrl-C would."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __call__(self, trial_id: str, result: dict) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.has_passed

    @property
    def has_passed(self) -> bool:
        return time.monotonic() >= self._end


@dataclass(frozen=True)
class Budget:
    """What one sitting of a study may take."""

    deadline: Deadline | None
    cap: DeviceHours | None

    @property
    def spent(self) -> Literal["time budget", "device-hours"] | None:
        """What there is no more of."""
        if self.deadline is not None and self.deadline.has_passed:
            return "time budget"
        return "device-hours" if self.cap is not None and self.cap.are_spent([]) else None
