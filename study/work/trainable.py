"""The Tune trainable: one job after another on a reused actor."""

from __future__ import annotations

import gc
import time
import traceback
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
from study.work.runs import Step, Work, start_work


@dataclass(frozen=True)
class Failure:
    """A step that raised. Not a crash of the worker: it would raise again, so Tune need not retry it."""

    outcome: dict[str, Any]
    state: str = "failed"


class HasherTrainable(tune.Trainable):
    """Does the `Job` in ``config["job"]``; each Tune result holds one `Step` (or `Failure`) under ``step``.

    Only a lost worker is an error to Tune, which then goes on from the last checkpoint on another one.
    """

    _place: str | None = None  #: the working directory of the run before, if this worker has had one

    def setup(  # type: ignore[override]  # Tune passes `with_parameters` on as further arguments
        self, config: dict[str, Any], data: dict[str, StudyData], resources: Resources
    ) -> None:
        torch.set_num_threads(resources.threads)
        threadpool_limits(resources.threads)  # NumPy's and SciPy's own: more threads than cores wait for one another
        self._data, self._resources = data, resources
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        if self._place is not None:
            with suppress(OSError):
                Path(self._place).rmdir()  # Tune makes one a run, and leaves it
        self._place = self.logdir
        self._begin(new_config["job"])
        return True

    def _begin(self, job: Job) -> None:
        self._job = job
        self._let_go()
        self._seconds = 0.0
        self._started = datetime.now(UTC).isoformat(timespec="milliseconds")

    def _let_go(self) -> None:
        """Drop the job's tensors, and give their memory back to the GPU: other workers may share it."""
        self._work: Work | None = None
        if torch.cuda.is_available():
            gc.collect()  # an optimiser and its model refer to each other
            torch.cuda.empty_cache()

    def step(self) -> dict[str, Any]:
        started = time.perf_counter()
        step: Step | Failure
        try:
            step = self.advance()
        except Exception as error:
            step = Failure({"error": _one_line(error), "traceback": traceback.format_exc(limit=-10)})
        self._seconds += time.perf_counter() - started
        if step.state != "running":
            self._let_go()  # an idle worker holds nothing
        step = replace(step, outcome={**step.outcome, **self._facts()})
        return {"step": step, "done": step.state != "running"}

    def advance(self) -> Step:
        """One step of the job at hand."""
        if self._work is None:
            self._work = start_work(self._job, self._data[self._job.task.cell.dataset])
        return self._work.step()

    def _facts(self) -> dict[str, Any]:
        return {
            "started": self._started,
            "seconds": round(self._seconds, 4),
            "device_seconds": round(self._seconds * self._resources.devices, 4),
            "data_fingerprint": self._data[self._job.task.cell.dataset].dataset.fingerprint,
            **worker_facts(),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        state = {"seconds": self._seconds, "started": self._started}
        if self._work is not None:
            state["work"] = self._work.state_dict()
        torch.save(state, Path(checkpoint_dir) / "state.pt")

    def load_checkpoint(self, checkpoint: Any) -> None:
        state = torch.load(Path(checkpoint) / "state.pt", weights_only=True)
        self._begin(self._job)
        self._seconds, self._started = state["seconds"], state["started"]
        if "work" in state:
            self._work = start_work(self._job, self._data[self._job.task.cell.dataset])
            self._work.load_state_dict(state["work"])


def _one_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"
