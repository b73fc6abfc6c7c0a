"""A trainable that sleeps in the place of training, and a study of it: what the benchmarks of the driver run.

Its workers import neither PyTorch nor the project: 64 processes that did would need 20 GB.
"""

from __future__ import annotations

import copyreg
import os
import random
import time
from datetime import UTC, datetime
from typing import Any

from ray import tune


class Report:
    """What a worker sends; it arrives at the driver as a `study.work.runs.Step`."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        self.outcome = outcome

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_step, (self.outcome,)


def _as_step(outcome: dict[str, Any]) -> Any:
    from study.work.runs import Step

    return Step("complete", outcome, [{"epoch": 1, "loss": 1.0, "map": outcome["map"]}])


class Sleeper(tune.Trainable):
    """Sleeps, and makes a score up."""

    seconds = 0.1

    def setup(self, config: dict[str, Any], data: Any = None, resources: Any = None) -> None:
        self._begin()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin()
        return True

    def _begin(self) -> None:
        self._began, self._started = time.perf_counter(), datetime.now(UTC)

    def step(self) -> dict[str, Any]:
        time.sleep(self.seconds)
        score = random.random()
        outcome = {
            "map": score, "chosen_epoch": 1, "epochs": 1, "scored_on": "validation", "device": f"process {os.getpid()}",
            "started": self._started.isoformat(timespec="milliseconds"),
            "seconds": time.perf_counter() - self._began, "device_seconds": 0.0,
        }  # fmt: skip
        return {"step": Report(outcome), "map": score, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None: ...

    def load_checkpoint(self, checkpoint: Any) -> None: ...


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
