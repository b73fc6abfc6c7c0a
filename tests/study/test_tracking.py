"""What trackers are shown of a run, read back from their own files, and what becomes of a study where one fails."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from ray.tune.experiment import Trial
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

import run_study as command
from hasher.errors import UserError
from study.drive.tracking import Tracker, measured
from study.options import TrackingOptions
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from study.work.runs import Step
from study.work.trainable import Failure


@pytest.fixture
def job(tiny: StudySpec) -> Job:
    config = tiny.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    return Job(Task("search", Cell("blobs", "gcn", 8), 3), 11, config, 2, 200)


def step(epoch: int, score: float, state: Any = "running") -> Step:
    epochs = [{"epoch": one, "loss": 1.0 / one, "map": score - 0.1 * (epoch - one)} for one in (epoch - 1, epoch)]
    return Step(state, {"scored_on": "validation", "epochs": epoch, "map": score, "host": "here"}, epochs)


def follow(tracker: Tracker, trial: Trial, results: list[Step | Failure]) -> None:
    """What Tune calls of a callback in the course of a trial."""
    tracker.on_trial_start(0, [trial], trial)
    for result in results:
        tracker.on_trial_result(1, [trial], trial, {"step": result})
    tracker.on_trial_complete(1, [trial], trial)
    tracker.on_experiment_end([trial])


def trial_of(job: Job, trial_id: str = "abc_00001") -> Any:
    return SimpleNamespace(trial_id=trial_id, config={"job": job})


def events(path: Path) -> Iterator[Event]:
    """The records of a TensorBoard file: a length of 8 bytes, 4 of its checksum, the event, 4 of its checksum."""
    stream = io.BytesIO(path.read_bytes())
    while header := stream.read(12):
        yield Event.FromString(stream.read(struct.unpack("<Q", header[:8])[0]))
        stream.read(4)


def test_trackers_are_shown_numbers_alone() -> None:
    model, arrays = b"weights", {"average_precision": np.ones(9)}
    outcome = {"scored_on": "test", "epochs": 7, "map": 0.5, "map_released": None, "error": "text", "note": "text"}
    last = {"epoch": 7.0, "loss": float("nan"), "loss_rec": 0.25}
    found = measured(Step("complete", outcome, [last], arrays, model))
    assert found == {"epoch": 7.0, "loss_rec": 0.25, "test_map": 0.5, "training_iteration": 7}
    assert measured(step(4, 0.5))["best_map"] == 0.5
    assert measured(Failure({"error": "ValueError"})) == {}


def test_tensorboard_and_mlflow_have_every_report_and_the_hyperparameters(job: Job, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    tracker = Tracker(TrackingOptions(tensorboard=True, mlflow=address), "tiny", tmp_path / "t", Console(quiet=True))
    follow(tracker, trial_of(job), [step(2, 0.5), step(4, 0.75, "complete")])
    other = replace(job, task=replace(job.task, index=4))
    follow(tracker, trial_of(other, "abc_00002"), [Failure({"error": "ZeroDivisionError: made to fail"})])

    folders = {folder.name: folder for folder in (tmp_path / "t").iterdir()}
    assert set(folders) == {"blobs-gcn-8-search-3", "blobs-gcn-8-search-4"}
    (path,) = folders["blobs-gcn-8-search-3"].glob("events*")
    written = list(events(path))
    maps = [(one.step, value.simple_value) for one in written for value in one.summary.value
            if value.tag == "ray/tune/map"]  # fmt: skip
    assert maps[:2] == [(2, 0.5), (4, 0.75)]

    client = MlflowClient(address)
    (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
    runs = {run.info.status: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"FINISHED", "FAILED"}
    complete = runs["FINISHED"]
    assert complete.info.run_name == "blobs-gcn-8-search-3"
    assert complete.data.params["learning_rate"] == "0.01" and complete.data.params["seed"] == "11"
    assert "job" not in complete.data.params
    history = client.get_metric_history(complete.info.run_id, "map")
    assert [(point.step, point.value) for point in history] == [(2, 0.5), (4, 0.75)]


def test_runs_stopped_midway_are_closed_as_failed(job: Job, tmp_path: Path) -> None:
    tracker = Tracker(TrackingOptions(), "tiny", tmp_path, Console(quiet=True))
    logger = Mock()
    tracker._loggers = {"--mock": logger}
    tracker.on_trial_start(0, [], trial_of(job))
    tracker.on_experiment_end([])
    (ended,) = logger.log_trial_end.call_args_list
    assert ended.kwargs == {"failed": True} and str(ended.args[0]) == "blobs-gcn-8-search-3"
    logger.on_experiment_end.assert_called_once()


def test_a_tracker_that_fails_is_given_up_and_the_others_go_on(job: Job, tmp_path: Path) -> None:
    output = io.StringIO()
    tracker = Tracker(TrackingOptions(), "tiny", tmp_path, Console(file=output, width=200))
    tracker._options = TrackingOptions(mlflow="http://me:sesame@host/")
    broken, sound = Mock(), Mock()
    broken.log_trial_result.side_effect = ConnectionError("no answer from http://me:sesame@host/\nand more")
    tracker._loggers = {"--mlflow": broken, "--tensorboard": sound}
    follow(tracker, trial_of(job), [step(2, 0.5), step(4, 0.75)])
    assert broken.log_trial_result.call_count == 1 and not broken.log_trial_end.called
    assert sound.log_trial_result.call_count == 2 and sound.log_trial_end.called
    assert output.getvalue() == ("warning: --mlflow follows the study no more (no answer from http://me:***@host/)\n")


def test_secrets_stay_where_they_are(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's W&B logger writes a key it finds into the environment of its actors, which Ray logs."""
    monkeypatch.setenv("WANDB_API_KEY", "sesame")
    seen: list[str | None] = []
    tracker = Tracker(TrackingOptions(mlflow=None), "tiny", tmp_path, Console(quiet=True))
    tracker._options = TrackingOptions(mlflow="http://me:sesame@host/")
    tracker._loggers = {"--wandb": Mock(log_trial_start=lambda trial: seen.append(os.environ.get("WANDB_API_KEY")))}
    tracker.on_trial_start(0, [], trial_of(job))
    assert seen == [None] and os.environ["WANDB_API_KEY"] == "sesame"
    assert b"sesame" not in pickle.dumps(tracker)  # as Tune does, into its own files


@pytest.mark.parametrize(
    ("arguments", "package"),
    [(["--tensorboard"], "tensorboardX"), (["--mlflow", "sqlite:///m.db"], "mlflow-skinny"), (["--wandb"], "wandb")],
)
def test_a_missing_package_is_named_before_anything_is_done(
    arguments: list[str],
    package: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("study.drive.tracking.find_spec", lambda module: None)
    assert command.main([*arguments, "--runs-dir", str(tmp_path / "runs")]) == 2
    said = f"error: {arguments[0]}: the package {package} is missing, install it by: pip install {package}\n"
    assert capsys.readouterr().err == said and not list(tmp_path.iterdir())


def test_a_tracker_out_of_reach_is_an_error_before_the_study_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    address = f"sqlite:///{tmp_path}/file/mlflow.db"
    with pytest.raises(UserError, match=r"^--mlflow: .*(Not a directory|unable to open database file|File exists)"):
        Tracker(TrackingOptions(mlflow=address), "tiny", tmp_path, Console(quiet=True))
