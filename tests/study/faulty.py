"""A hasher that misbehaves on purpose, in the worker, where a study must cope with it."""

import os
import signal
from pathlib import Path
from typing import Any

from study.trial import HasherTrainable
from study.work import Step


class FaultyTrainable(HasherTrainable):
    """Search trials of the filter `none`: 0 raises, 1 diverges, 2 loses its worker once, 3 loses it every time.

    `markers` is a folder that remembers what has been done; it comes in by the environment.
    """

    def advance(self) -> Step:
        task = self._job.task
        if task.kind == "search" and task.cell.filter == "none":
            if task.index == 0:
                raise ZeroDivisionError("made to fail")
            if task.index == 1:
                self._job = _with(self._job, learning_rate=1e25)
            if task.index == 2 and not self._marked("killed-once"):
                os.kill(os.getpid(), signal.SIGKILL)
            if task.index == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().advance()

    def _marked(self, name: str) -> bool:
        marker = Path(os.environ["FAULTY_MARKERS"]) / name
        if marker.exists():
            return True
        marker.touch()
        return False


def _with(job: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(job, config=job.config.model_copy(update=changes))
