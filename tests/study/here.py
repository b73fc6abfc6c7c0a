"""Studies without Ray: one run after another in this process, by the same worker and recorder."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ray import tune
from threadpoolctl import threadpool_limits

from study.drive.execution import Execution
from study.work.trainable import HasherTrainable, Steps


@contextmanager
def runs_here() -> Iterator[None]:
    """Whatever study is run meanwhile is run in this process."""
    threads = torch.get_num_threads()  # a worker has its own number
    with pytest.MonkeyPatch.context() as patch, threadpool_limits():
        patch.setattr(Execution, "run", _run)
        yield
    torch.set_num_threads(threads)


def at_step(patch: pytest.MonkeyPatch, number: int, strike: Callable[[], object]) -> None:
    """Have something happen before a step of a worker, counted from 0 over all runs."""
    steps, advance = itertools.count(), HasherTrainable.advance

    def struck(worker: HasherTrainable) -> Steps:
        if next(steps) == number:
            strike()
        return advance(worker)

    patch.setattr(HasherTrainable, "advance", struck)


def _run(execution: Execution, trainable: type[tune.Trainable]) -> None:
    nodes: Any = SimpleNamespace(dead=lambda: 0)
    recorder = execution._recorder(nodes)
    while jobs := recorder.start("here"):
        worker: Any = object.__new__(trainable)
        worker.setup({"jobs": jobs}, data=execution.data, resources=execution.options.resources)
        ended = False
        while not ended:
            result = worker.step()
            ended = recorder.should_stop("here", result["steps"]) or result["done"]
            recorder.collect("here", result["steps"])
        recorder.end("here")
    recorder.close()
