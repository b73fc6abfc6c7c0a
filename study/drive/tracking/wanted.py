"""Opens the trackers that a study's options ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from rich.console import Console

from hasher.errors import UserError
from study.drive.tracking.follower import Follower
from study.drive.tracking.messages import in_one_line
from study.drive.tracking.tracker import Tracker
from study.drive.tracking.trackers import Trackers
from study.options import TrackingOptions

#: Seconds in which a tracker must be open.
PATIENCE = 20.0
#: MLflow itself asks a dead address eight times, for minutes.
_HASTE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def open_trackers(options: TrackingOptions, study: str, folder: Path, console: Console) -> Trackers:
    """The trackers wanted, ready to follow; one that fails later is given up, with a warning on the console.

    Their files go below `folder`. Raises `UserError` for a tracker whose package is missing, or that cannot be set up.
    """
    openers: dict[str, Callable[[], Tracker]] = {}
    if options.tensorboard:
        _require("--tensorboard", "tensorboardX", "tensorboardX")
        openers["--tensorboard"] = lambda: _tensorboard(folder)
    if options.mlflow is not None:
        _require("--mlflow", "mlflow", "mlflow-skinny")
        address = options.mlflow
        openers["--mlflow"] = lambda: _mlflow(address, study)
    if options.wandb:
        _require("--wandb", "wandb", "wandb")
        openers["--wandb"] = lambda: _wandb(study, folder)
    return Trackers([_follower(name, opener, options.mlflow, console) for name, opener in openers.items()])


def _follower(option: str, opener: Callable[[], Tracker], address: str | None, console: Console) -> Follower:
    def given_up(error: Exception) -> None:
        line = f"warning: {option} follows the study no more ({in_one_line(error, address)})"
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    try:
        return Follower(_within(PATIENCE, opener), given_up)
    except Exception as error:
        raise UserError(f"{option}: {in_one_line(error, address)}") from None


def _within(seconds: float, opener: Callable[[], Tracker]) -> Tracker:
    """What `opener` returns, which may ask a server that is not there. Raises what it raises, and `TimeoutError`."""
    opened: SimpleQueue[Tracker | Exception] = SimpleQueue()

    def open_it() -> None:
        try:
            opened.put(opener())
        except Exception as error:
            opened.put(error)

    Thread(target=open_it, name="opening a tracker", daemon=True).start()  # a daemon is not waited for any longer
    try:
        found = opened.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer for {seconds:g} s") from None
    if isinstance(found, Exception):
        raise found
    return found


# Adapters import their tracker's package, which not everyone has: each is imported only where it is wanted.


def _tensorboard(folder: Path) -> Tracker:
    from study.drive.tracking.tensorboard import TensorBoardTracker

    return TensorBoardTracker(folder)


def _mlflow(address: str, study: str) -> Tracker:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read as MLflow is imported
    for name, value in _HASTE.items():
        os.environ.setdefault(name, value)
    from study.drive.tracking.mlflow import MlflowTracker

    return MlflowTracker(address, study)


def _wandb(study: str, folder: Path) -> Tracker:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read as W&B is imported
    from study.drive.tracking.wandb import WandbTracker

    return WandbTracker(study, folder)


def _require(option: str, module: str, package: str) -> None:
    if find_spec(module) is None:
        raise UserError(f"{option}: the package {package} is missing, install it by: pip install {package}")
