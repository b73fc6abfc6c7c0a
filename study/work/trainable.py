"""The Tune trainable: one job after another on a reused actor, or several at once that differ in the seed."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from ray import tune
from threadpoolctl import threadpool_limits

from study.options import Resources
from study.plan.tasks import Job
from study.work.data import StudyData
from study.work.provenance import worker_facts
from study.work.runs import Step
from study.work.together import JobsWork


@dataclass(frozen=True)
class Failure:
    """A step that raised. Not a crash of the worker: it would raise again, so Tune need not retry it."""

    outcome: dict[str, Any]
    state: str = "failed"


#: What one step gave of each job of a trial; None of what has ended before.
Steps = Sequence[Step | Failure | None]


class HasherTrainable(tune.Trainable):
    """Does the jobs in ``config["jobs"]``, of one data set; each Tune result holds their `Steps` under ``steps``.

    Time is shared out evenly among the jobs that are under way. Only a lost worker is an error to Tune, which then goes
    on from the last checkpoint on another one.
    """

    _place: str | None = None  #: the working directory of the run before, if this worker has had one

    def setup(  # type: ignore[override]  # Tune passes `with_parameters` on as further arguments
        self, config: dict[str, Any], data: dict[str, StudyData], resources: Resources
    ) -> None:
        torch.set_num_threads(resources.threads)
        threadpool_limits(resources.threads)  # NumPy's and SciPy's own: more threads than cores wait for one another
        self._data, self._resources = data, resources
        self._begin(config["jobs"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        if self._place is not None:
            with suppress(OSError):
                Path(self._place).rmdir()  # Tune makes one a run, and leaves it
        self._place = self.logdir
        self._begin(new_config["jobs"])
        return True

    def _begin(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._let_go()
        self._seconds = [0.0 for _ in jobs]
        self._ended = [False for _ in jobs]
        self._started = datetime.now(UTC).isoformat(timespec="milliseconds")

    def _let_go(self) -> None:
        """Drop the jobs' tensors, and give their memory back to the GPU: other workers may share it."""
        self._work: JobsWork | None = None
        if torch.cuda.is_available():
            gc.collect()  # an optimiser and its model refer to each other
            torch.cuda.empty_cache()

    def step(self) -> dict[str, Any]:
        started = time.perf_counter()
        steps: Steps
        try:
            steps = self.advance()
        except Exception as error:
            failure = Failure({"error": _one_line(error), "traceback": traceback.format_exc(limit=-10)})
            steps = [None if ended else failure for ended in self._ended]
        share = (time.perf_counter() - started) / self._ended.count(False)
        self._seconds = [
            each + (0.0 if ended else share) for each, ended in zip(self._seconds, self._ended, strict=True)
        ]
        self._ended = [step is None or step.state != "running" for step in steps]
        if all(self._ended):
            self._let_go()  # an idle worker holds nothing
        return {"steps": [self._with_facts(*each) for each in enumerate(steps)], "done": all(self._ended)}

    def advance(self) -> Steps:
        """One step of the jobs at hand."""
        if self._work is None:
            self._work = self._start()
        return self._work.step()

    def _start(self) -> JobsWork:
        return JobsWork(self._jobs, self._data[self._jobs[0].task.cell.dataset])

    def _with_facts(self, place: int, step: Step | Failure | None) -> Step | Failure | None:
        if step is None:
            return None
        seconds = self._seconds[place]
        facts = {
            "started": self._started,
            "seconds": round(seconds, 4),
            "device_seconds": round(seconds * self._resources.devices, 4),
            "together": len(self._jobs[place].group) or 1,
            "data_fingerprint": self._data[self._jobs[place].task.cell.dataset].dataset.fingerprint,
            **worker_facts(),
        }
        return replace(step, outcome={**step.outcome, **facts})

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        state: dict[str, Any] = {"seconds": self._seconds, "ended": self._ended, "started": self._started}
        if self._work is not None:
            state["work"] = self._work.state_dict()
        torch.save(state, Path(checkpoint_dir) / "state.pt")

    def load_checkpoint(self, checkpoint: Any) -> None:
        state = torch.load(Path(checkpoint) / "state.pt", weights_only=True)
        self._begin(self._jobs)
        self._seconds, self._ended, self._started = state["seconds"], state["ended"], state["started"]
        if "work" in state:
            self._work = self._start()
            self._work.load_state_dict(state["work"])


def _one_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"
