"""MLflow, by its client."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus

from study.drive.tracking.tracker import Ending

_STATUS = {"complete": RunStatus.to_string(RunStatus.FINISHED), "failed": RunStatus.to_string(RunStatus.FAILED)}


class MlflowTracker:
    """Logs to the experiment named as the study, which is made where the server or database at `address` has none."""

    def __init__(self, address: str, study: str) -> None:
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # MLflow has set its own as it was imported
        self._client = MlflowClient(address)
        experiment = self._client.get_experiment_by_name(study)
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            raise ValueError(f"the experiment {study} there is deleted, restore it or choose another --name")
        self._experiment = experiment.experiment_id if experiment else self._client.create_experiment(study)
        self._runs: dict[str, str] = {}  # the client's id of each

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        self._runs[run] = self._client.create_run(self._experiment, run_name=run).info.run_id
        self._client.log_batch(self._runs[run], params=[Param(key, str(value)) for key, value in parameters.items()])

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(self._runs[run], [Metric(key, value, now, step) for key, value in values.items()])

    def end(self, run: str, ending: Ending) -> None:
        self._client.set_terminated(self._runs.pop(run), _STATUS[ending])

    def close(self) -> None: ...
