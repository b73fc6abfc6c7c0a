"""Studies without Ray: one run after another in this process, by the same worker and recorder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray import tune
from threadpoolctl import threadpool_limits

from study.drive.execution import Execution


@contextmanager
def runs_here() -> Iterator[None]:
    """Whatever study is run meanwhile is run in this process."""
    threads = torch.get_num_threads()  # a worker has its own number
    with pytest.MonkeyPatch.context() as patch, threadpool_limits():
        patch.setattr(Execution, "run", _run)
        yield
    torch.set_num_threads(threads)


def _run(execution: Execution, trainable: type[tune.Trainable]) -> None:
    nodes: Any = SimpleNamespace(dead=lambda: 0)
    recorder = execution._recorder(nodes)
    while (job := recorder.start("here")) is not None:
        worker: Any = object.__new__(trainable)
        worker.setup({"job": job}, data=execution.data, resources=execution.options.resources)
        ended = False
        while not ended:
            result = worker.step()
            ended = recorder.should_stop("here", result["step"]) or result["done"]
            recorder.collect("here", result["step"])
        recorder.end("here")
    recorder.close()
