"""The adapters of TensorBoard, MLflow and W&B against the trackers' own readers, or a stub of their client."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from mlflow.tracking import MlflowClient
from rich.console import Console
from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from hasher.errors import UserError
from study.drive.tracking.wanted import open_trackers
from study.options import TrackingOptions
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from tests.study.drive.tracking.tracked import RUN, follow


@pytest.fixture
def job(tiny: StudySpec) -> Job:
    config = tiny.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    return Job(Task("search", Cell("blobs", "gcn", 8), 3), 11, config, 2, "map", 200)


def events(path: Path) -> Iterator[Event]:
    """The records of a TensorBoard file: a length of 8 bytes, 4 of its checksum, the event, 4 of its checksum."""
    stream = io.BytesIO(path.read_bytes())
    while header := stream.read(12):
        yield Event.FromString(stream.read(struct.unpack("<Q", header[:8])[0]))
        stream.read(4)


def test_tensorboard_has_every_report_and_the_hyperparameters(job: Job, tmp_path: Path) -> None:
    follow(open_trackers(TrackingOptions(tensorboard=True), "tiny", tmp_path, Console(quiet=True)), job)
    assert {folder.name for folder in tmp_path.iterdir()} == {RUN, "blobs-gcn-8-search-4"}
    sessions = []
    for run in (RUN, "blobs-gcn-8-search-4"):
        (path,) = (tmp_path / run).glob("events*")
        values = [(one.step, value) for one in events(path) for value in one.summary.value]
        hyper = [HParamsPluginData.FromString(value.metadata.plugin_data.content) for _, value in values
                 if value.metadata.plugin_data.plugin_name == "hparams"]  # fmt: skip
        sessions.append(hyper)
        maps = [(at, value.simple_value) for at, value in values if value.tag == "map"]
        assert maps == ([(2, 0.5), (4, 0.75)] if run == RUN else [])
    (experiment, start, end), (*_, failed_end) = sessions
    assert {metric.name.tag for metric in experiment.experiment.metric_infos} == {"epoch", "loss", "map", "best_map"}
    assert start.session_start_info.hparams["learning_rate"].number_value == 0.01
    assert start.session_start_info.hparams["kind"].string_value == "search"
    statuses = [Status.Name(one.session_end_info.status) for one in (end, failed_end)]
    assert statuses == ["STATUS_SUCCESS", "STATUS_FAILURE"]


def test_mlflow_has_every_report_and_the_hyperparameters(job: Job, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for _ in range(2):  # the second time in the experiment that is there
        follow(open_trackers(TrackingOptions(mlflow=address), "tiny", tmp_path / "t", Console(quiet=True)), job)
    assert not (tmp_path / "t").exists()

    client = MlflowClient(address)
    (experiment,) = client.search_experiments(filter_string="name = 'tiny'")
    runs = client.search_runs([experiment.experiment_id])
    assert Counter(run.info.status for run in runs) == {"FINISHED": 2, "FAILED": 2}
    complete = next(run for run in runs if run.info.status == "FINISHED")
    assert complete.info.run_name == RUN
    assert complete.data.params["learning_rate"] == "0.01" and complete.data.params["seed"] == "11"
    assert set(complete.data.tags) == {"mlflow.runName"}  # neither user nor command line
    history = client.get_metric_history(complete.info.run_id, "map")
    assert [(point.step, point.value) for point in history] == [(2, 0.5), (4, 0.75)]


def test_a_deleted_experiment_of_mlflow_is_an_error_before_the_study_starts(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(address)
    client.delete_experiment(client.create_experiment("tiny"))
    with pytest.raises(UserError, match=r"^--mlflow: the experiment tiny there is deleted, restore it"):
        open_trackers(TrackingOptions(mlflow=address), "tiny", tmp_path, Console(quiet=True))


@pytest.mark.parametrize("silent", [False, True])
def test_an_address_where_no_server_answers_is_an_error_soon(
    silent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there, or what listens says nothing."""
    monkeypatch.setattr("study.drive.tracking.wanted.PATIENCE", 1.0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match=r"^--mlflow: "):
            open_trackers(TrackingOptions(mlflow=address), "tiny", tmp_path, Console(quiet=True))
    assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) < 3


@pytest.fixture
def no_wandb_yet() -> Iterator[None]:
    """Have the adapter import the client that is there now."""
    sys.modules.pop("study.drive.tracking.wandb", None)
    yield
    sys.modules.pop("study.drive.tracking.wandb", None)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, no_wandb_yet: None) -> Any:
    """A stand-in for W&B's client: online, logged in, and writing down what it is called with."""
    module: Any = ModuleType("wandb")
    module.__spec__ = ModuleSpec("wandb", None)
    module.Settings = SimpleNamespace
    module.setup = Mock(return_value=SimpleNamespace(settings=SimpleNamespace(mode="online")))
    module.login = Mock(return_value=True)
    module.teardown = Mock()
    module.runs = {}
    module.init = Mock(side_effect=lambda **given: module.runs.setdefault(given["name"], Mock()))
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_wandb_has_every_report_and_the_hyperparameters(
    job: Job, tmp_path: Path, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    follow(open_trackers(TrackingOptions(wandb=True), "tiny", tmp_path, Console(quiet=True)), job)
    stub.login.assert_called_once_with(prompt=False, verify=True)
    given = stub.init.call_args_list[0].kwargs
    assert given.pop("config")["learning_rate"] == 0.01
    assert given == {"project": "hagcn-study", "group": "tiny", "name": RUN, "dir": tmp_path, "reinit": "create_new"}
    run, failed = stub.runs[RUN], stub.runs["blobs-gcn-8-search-4"]
    assert [(call.kwargs["step"], call.args[0]["map"]) for call in run.log.call_args_list] == [(2, 0.5), (4, 0.75)]
    run.finish.assert_called_once_with(exit_code=0)
    failed.finish.assert_called_once_with(exit_code=1)
    stub.teardown.assert_called_once_with()
    stub.setup.call_args.kwargs["settings"].stop_fn()  # W&B's own would interrupt the study


def test_wandb_needs_a_key_unless_it_is_offline(tmp_path: Path, stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    stub.login.return_value = False
    with pytest.raises(UserError, match=r"^--wandb: no API key, set WANDB_API_KEY or run: wandb login"):
        open_trackers(TrackingOptions(wandb=True), "tiny", tmp_path, Console(quiet=True))
    stub.setup.return_value.settings.mode = "offline"
    stub.login.reset_mock()
    open_trackers(TrackingOptions(wandb=True), "tiny", tmp_path, Console(quiet=True)).close()
    assert not stub.login.called


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of a file of W&B's: after 7 bytes, blocks of 32 KiB that hold pieces with a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, position, begun = path.read_bytes(), 7, b""
    while position + 7 <= len(content):
        if (left := 32768 - position % 32768) < 7:
            position += left
            continue
        length, kind = struct.unpack("<4xHB", content[position : position + 7])
        begun += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield Record.FromString(begun)
            begun = b""


def test_wandb_writes_names_hyperparameters_and_scores_alone(
    job: Job, tmp_path: Path, no_wandb_yet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", exc_type=ImportError)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", "sesame" * 7)
    monkeypatch.setattr(sys, "argv", ["run_study.py", "--storage", "postgresql://me:sesame@host/"])
    output = io.StringIO()
    follow(open_trackers(TrackingOptions(wandb=True), "tiny", tmp_path, Console(file=output)), job)
    assert output.getvalue() == "" and {path.name for path in tmp_path.iterdir()} == {"wandb"}

    found = {}
    for path in tmp_path.glob("wandb/offline-run-*/*.wandb"):
        assert b"sesame" not in path.read_bytes() and not list((path.parent / "files").iterdir())
        records = list(wandb_records(path))
        kinds = {record.WhichOneof("record_type") for record in records}
        assert kinds <= {"header", "run", "telemetry", "summary", "history", "exit"}
        (run,) = [record.run for record in records if record.HasField("run")]
        assert (run.run_group, run.host) == ("tiny", "")
        config = {entry.key: json.loads(entry.value_json) for entry in run.config.update}
        history = [{item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                   for record in records if record.HasField("history")]  # fmt: skip
        (code,) = [record.exit.exit_code for record in records if record.HasField("exit")]
        found[run.display_name] = (config, [(one["_step"], one["map"]) for one in history], code)
    config, maps, code = found[RUN]
    assert config["learning_rate"] == 0.01 and maps == [(2, 0.5), (4, 0.75)] and code == 0
    assert found["blobs-gcn-8-search-4"][1:] == ([], 1)
