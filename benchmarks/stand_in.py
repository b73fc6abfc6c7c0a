"""A trainable that sleeps in the place of training, and a study of it: what the benchmarks of the driver run.

Its workers import neither PyTorch nor the project: 64 processes that did would need 20 GB.
"""

from __future__ import annotations

import copyreg
import math
import os
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ray import tune

#: Reports of an `Eventful` run, the seconds that it says it took, and the shares of runs that end otherwise.
EPOCHS, SIMULATED = 2, 2.88
KILLING, RAISING, DIVERGING = 0.0005, 0.02, 0.02


class Report:
    """What a worker sends; it arrives at the driver as a `study.work.runs.Step`, or where the step raised as a
    `study.work.trainable.Failure`."""

    def __init__(self, state: str, outcome: dict[str, Any], epoch: dict[str, float]) -> None:
        self.state, self.outcome, self.epoch = state, outcome, epoch

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_step, (self.state, self.outcome, self.epoch)


def _as_step(state: Any, outcome: dict[str, Any], epoch: dict[str, float]) -> Any:
    from study.work.runs import Step
    from study.work.trainable import Failure

    return Failure(outcome) if state == "failed" else Step(state, outcome, [epoch])


class Sleeper(tune.Trainable):
    """Sleeps, and makes a score up."""

    seconds = 0.1
    place: str | None = None

    def setup(self, config: dict[str, Any], data: Any = None, resources: Any = None) -> None:
        self._begin(len(config["jobs"]))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        if self.place is not None:
            Path(self.place).rmdir()  # as the study's own trainable does
        self.place = self.logdir
        self._begin(len(new_config["jobs"]))
        return True

    def _begin(self, jobs: int) -> None:
        self._jobs = jobs
        self._began, self._started = time.perf_counter(), datetime.now(UTC)

    def step(self) -> dict[str, Any]:
        time.sleep(self.seconds)
        score = random.random()
        outcome = self.outcome(score, 1, time.perf_counter() - self._began)
        report = Report("complete", outcome, {"epoch": 1, "loss": 1.0, "map": score})
        return {"steps": [report] * self._jobs, "done": True}

    def outcome(self, score: float, epoch: int, seconds: float) -> dict[str, Any]:
        """What is recorded of a run that has come so far."""
        return {
            "map": score, "chosen_epoch": epoch, "epochs": epoch, "scored_on": "validation",
            "device": f"process {os.getpid()}", "started": self._started.isoformat(timespec="milliseconds"),
            "seconds": seconds, "device_seconds": 0.0,
        }  # fmt: skip

    def save_checkpoint(self, checkpoint_dir: str) -> None: ...

    def load_checkpoint(self, checkpoint: Any) -> None: ...


class Eventful(Sleeper):
    """Runs of two reports that take no time and say that they took `SIMULATED` seconds. Some raise, some diverge, some
    kill their worker; those with poor scores are there to be pruned."""

    def _begin(self, jobs: int) -> None:
        super()._begin(jobs)
        self._epoch, self._fate = 0, random.random()

    def step(self) -> dict[str, Any]:
        self._epoch += 1
        if self._fate < KILLING:
            os.kill(os.getpid(), signal.SIGKILL)
        state = "running" if self._epoch < EPOCHS else "complete"
        score = random.random()
        outcome = self.outcome(score, self._epoch, SIMULATED * self._epoch / EPOCHS)
        if self._fate < KILLING + RAISING:
            state, outcome = "failed", {"error": "ZeroDivisionError: made to fail", "seconds": outcome["seconds"]}
        elif self._fate < KILLING + RAISING + DIVERGING:
            state, score = "diverged", math.nan
        epoch = {"epoch": self._epoch, "loss": 1.0, "map": score}
        return {"steps": [Report(state, outcome, epoch)] * self._jobs, "done": state != "running"}


def sleeping(seconds: float) -> type[Sleeper]:
    """The stand-in whose runs take so long."""
    return type("Sleeping", (Sleeper,), {"seconds": seconds, "__module__": "__main__"})  # sent to workers by value


def travel_light() -> None:
    """Send workers the text of what they would have to import the project for."""
    from study.options import Resources
    from study.plan.tasks import Job

    copyreg.pickle(Job, _as_text)  # it need not arrive as what it was
    copyreg.pickle(Resources, _as_text)


def _as_text(value: Any) -> tuple[Any, ...]:
    return str, (repr(value),)
