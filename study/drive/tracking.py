"""Trackers that people watch experiments with elsewhere, by Ray's own loggers: TensorBoard, MLflow, Weights & Biases.

They see names, hyperparameters and scores, nothing else of a run; and a study does not fail for want of a tracker.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import LoggerCallback
from rich.console import Console

from hasher.errors import UserError
from study.options import TrackingOptions
from study.plan.tasks import Job
from study.work.runs import Step
from study.work.trainable import Failure

_SCORES = ("map", "map_at_k", "map_released", "precision_at_radius_2", "map_real_valued")


@dataclass(eq=False)
class TrackedTrial:
    """A trial as Ray's loggers are shown it, in place of Tune's own, whose configuration is a whole job."""

    trial_id: str
    job: Job
    local_path: str  #: where a logger keeps its files
    experiment_dir_name: str  #: the study
    failed: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """Which run it is, and its hyperparameters."""
        task = self.job.task
        named = {"dataset": task.cell.dataset, "method": task.cell.method, "bits": task.cell.bits, "kind": task.kind,
                 "index": task.index, "seed": self.job.seed}  # fmt: skip
        sampled = self.job.config.model_dump() if self.job.config else {}
        return {key: value for key, value in {**sampled, **named}.items() if value is not None}

    @property
    def evaluated_params(self) -> dict[str, Any]:
        return self.config

    def init_local_path(self) -> None:
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        task = self.job.task
        return f"{task.cell.dataset}-{task.cell.method}-{task.cell.bits}-{task.kind}-{task.index}"


class Tracker(tune.Callback):
    """Shows every run of a study to the trackers wanted. One that raises is given up, with a warning on the console.

    Their files go below `folder`. Raises `UserError` for a tracker whose package is missing, or that cannot be set up.
    """

    def __init__(self, options: TrackingOptions, study: str, folder: Path, console: Console) -> None:
        self._options, self._study, self._folder, self._console = options, study, folder, console
        self._loggers = _make_loggers(options, study)
        self._shown: dict[str, Any] = {}  # `TrackedTrial`s, which Ray's loggers take for Tune's trials

    def __getstate__(self) -> dict[str, Any]:  # Tune pickles its callbacks: loggers may hold an address with a password
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        job: Job = trial.config["job"]
        shown = TrackedTrial(trial.trial_id, job, "", self._study)
        shown.local_path = str(self._folder / str(shown))
        shown.init_local_path()
        shown = self._shown.setdefault(trial.trial_id, shown)  # a retry goes on with the one it had
        with _hidden("WANDB_API_KEY"):
            self._each(lambda logger: logger.log_trial_start(shown))

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **info: Any) -> None:
        shown, step = self._shown[trial.trial_id], result["step"]
        shown.failed = isinstance(step, Failure)
        values = measured(step)
        if values:
            self._each(lambda logger: logger.log_trial_result(iteration, shown, dict(values)))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._end(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        if trial.trial_id in self._shown:
            self._shown[trial.trial_id].failed = True
            self._end(trial.trial_id)

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        for trial_id in list(self._shown):  # stopped midway
            self._shown[trial_id].failed = True
            self._end(trial_id)
        self._each(lambda logger: logger.on_experiment_end(trials=trials))

    def _end(self, trial_id: str) -> None:
        shown = self._shown.pop(trial_id)
        self._each(lambda logger: logger.log_trial_end(shown, failed=shown.failed))

    def _each(self, action: Callable[[LoggerCallback], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                action(logger)
            except Exception as error:
                del self._loggers[name]
                why = _in_one_line(error, self._options)
                self._console.print(
                    f"warning: {name} follows the study no more ({why})", highlight=False, soft_wrap=True
                )


def measured(step: Step | Failure) -> dict[str, float]:
    """The numbers of one step: losses and validation `map` of its last epoch, and the scores of the run so far (`best_`
    on validation queries, `test_` on test queries)."""
    if isinstance(step, Failure):
        return {}
    epoch = dict(step.epochs[-1]) if step.epochs else {}
    prefix = "test" if step.outcome.get("scored_on") == "test" else "best"
    scores = {f"{prefix}_{name}": step.outcome[name] for name in _SCORES if step.outcome.get(name) is not None}
    values = {**epoch, **scores, "training_iteration": step.outcome.get("epochs") or 1}
    return {key: value for key, value in values.items() if math.isfinite(value)}


def _make_loggers(options: TrackingOptions, study: str) -> dict[str, LoggerCallback]:
    """Ray's logger of each tracker that is wanted, by its option and ready to log."""
    loggers: dict[str, LoggerCallback] = {}
    if options.tensorboard:
        _require("--tensorboard", "tensorboardX", "tensorboardX")
        from ray.tune.logger import TBXLoggerCallback

        loggers["--tensorboard"] = TBXLoggerCallback()
    if options.mlflow is not None:
        _require("--mlflow", "mlflow", "mlflow-skinny")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from ray.air.integrations.mlflow import MLflowLoggerCallback

        loggers["--mlflow"] = MLflowLoggerCallback(tracking_uri=options.mlflow, experiment_name=study)
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # after MLflow has set its own, as it is imported
    if options.wandb:
        _require("--wandb", "wandb", "wandb")
        from ray.air.integrations.wandb import WandbLoggerCallback

        project = os.environ.get("WANDB_PROJECT", "hagcn-study")
        loggers["--wandb"] = WandbLoggerCallback(project=project, group=study)
    for name, logger in loggers.items():
        try:
            logger.setup()
        except Exception as error:
            raise UserError(f"{name}: {_in_one_line(error, options)}") from None
    return loggers


@contextmanager
def _hidden(variable: str) -> Iterator[None]:
    """Keep a secret from Ray's W&B logger, which would hand it to its actors where process lists and logs show it.

    They need no telling: actors of a Ray that we started have our environment, others what `wandb login` keeps.
    """
    secret = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if secret is not None:
            os.environ[variable] = secret


def _require(option: str, module: str, package: str) -> None:
    if find_spec(module) is None:
        raise UserError(f"{option}: the package {package} is missing, install it by: pip install {package}")


def _in_one_line(error: Exception, options: TrackingOptions) -> str:
    """An error without the password that may be part of an address."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    password = urlsplit(options.mlflow or "").password
    return line.replace(password, "***") if password else line
