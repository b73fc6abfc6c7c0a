"""A hasher that misbehaves on purpose, in the worker, where a study must cope with it."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.work.trainable import HasherTrainable, Steps


class FaultyTrainable(HasherTrainable):
    """Search trials of the method `none`: 0 raises, 1 diverges, 2 loses its worker once, 3 loses it every time.

    A folder remembers what has been done; it comes in by the environment.
    """

    def advance(self) -> Steps:
        task = self._jobs[0].task
        if task.kind == "search" and task.cell.method == "none":
            if task.index == 0:
                raise ZeroDivisionError("made to fail")
            if task.index == 1:
                self._jobs = [_with(self._jobs[0], learning_rate=1e25)]
            if task.index == 2 and not _marked("killed-once"):
                os.kill(os.getpid(), signal.SIGKILL)
            if task.index == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().advance()


class MortalTrainable(HasherTrainable):
    """Loses its worker once, at the second step of a search trial, and leaves a marker where it goes on."""

    def advance(self) -> Steps:
        if self._jobs[0].task.kind == "search" and self._work is not None and not _marked("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().advance()

    def load_checkpoint(self, checkpoint: Any) -> None:
        super().load_checkpoint(checkpoint)
        _marked("gone-on")


class SociableTrainable(HasherTrainable):
    """Waits at every first step until two workers have been seen."""

    def advance(self) -> Steps:
        _marked(f"worker-{os.getpid()}")
        deadline = time.monotonic() + 60
        while len(list(Path(os.environ["FAULTY_MARKERS"]).glob("worker-*"))) < 2:
            if time.monotonic() > deadline:
                raise TimeoutError("no other worker came")
            time.sleep(0.1)
        return super().advance()


def _marked(name: str) -> bool:
    """Whether this marker was there before."""
    marker = Path(os.environ["FAULTY_MARKERS"]) / name
    there = marker.exists()
    marker.touch()
    return there


def _with(job: Any, **changes: Any) -> Any:
    return replace(job, config=job.config.model_copy(update=changes))
