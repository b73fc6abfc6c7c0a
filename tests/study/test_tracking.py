"""What trackers are shown of a run, read back from their own files, and what becomes of a study where one fails."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Event as Signal
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from rich.console import Console
from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

import run_study as command
from hasher.errors import UserError
from study.drive.lost_workers import LostWorkers
from study.drive.recorder import Recorder
from study.drive.tracking.follower import Follower
from study.drive.tracking.messages import in_one_line
from study.drive.tracking.shown import name_of, position_of, values_of
from study.drive.tracking.tracker import Ending, Tracker
from study.drive.tracking.trackers import Trackers
from study.drive.tracking.wanted import open_trackers
from study.drive.tune_parts import Collector
from study.options import TrackingOptions
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.work.runs import Step
from study.work.trainable import Failure

RUN = "blobs-gcn-8-search-3"


@dataclass
class Heard:
    """A tracker that writes down what it is told."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def begin(self, run: str, parameters: Mapping[str, Any]) -> None:
        self.calls.append(("begin", run))

    def log(self, run: str, step: int, values: Mapping[str, float]) -> None:
        self.calls.append(("log", run, step))

    def end(self, run: str, ending: Ending) -> None:
        self.calls.append(("end", run, ending))

    def close(self) -> None:
        self.calls.append(("close",))


def trackers_of(*trackers: Tracker) -> Trackers:
    """Trackers of which none may raise."""
    return Trackers([Follower(tracker, on_error=pytest.fail) for tracker in trackers])


@pytest.fixture
def job(tiny: StudySpec) -> Job:
    config = tiny.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    return Job(Task("search", Cell("blobs", "gcn", 8), 3), 11, config, 2, "map", 200)


def step(epoch: int, score: float, state: Any = "running") -> Step:
    epochs = [{"epoch": one, "loss": 1.0 / one, "map": score - 0.1 * (epoch - one)} for one in (epoch - 1, epoch)]
    return Step(state, {"scored_on": "validation", "epochs": epoch, "map": score, "host": "here"}, epochs)


def follow(trackers: Trackers, job: Job) -> None:
    """Two runs at once: one that completes, and the next of its cell, which fails."""
    other = replace(job, task=replace(job.task, index=4))
    trackers.begin(job)
    trackers.log(job.task, step(2, 0.5))
    trackers.begin(other)
    trackers.log(job.task, step(4, 0.75, "complete"))
    trackers.end(other.task, "failed")
    trackers.end(job.task, "complete")
    trackers.close()


def test_trackers_are_shown_numbers_alone() -> None:
    model, arrays = b"weights", {"average_precision": np.ones(9)}
    outcome = {"scored_on": "test", "epochs": 7, "map": 0.5, "map_released": None, "error": "text", "note": "text"}
    last = {"epoch": 7.0, "loss": float("nan"), "loss_rec": 0.25}
    shown = Step("complete", outcome, [last], arrays, model)
    assert values_of(shown) == {"epoch": 7.0, "loss_rec": 0.25, "test_map": 0.5} and position_of(shown) == 7
    assert values_of(step(4, 0.5))["best_map"] == 0.5
    assert position_of(Step("complete", {"scored_on": "test", "map": 0.5})) == 1  # a baseline has no epochs


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


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def recorder(tiny: StudySpec, run_directory: StudyFolder, heard: Heard) -> Recorder:
    run_directory.path.mkdir()
    ledger = Ledger(tiny, open_storage(str(run_directory.journal)))
    lost_workers = LostWorkers(lambda: 0)
    return Recorder(ledger, Plan(tiny, ledger.finished), run_directory, lost_workers, {}, trackers_of(heard))


FIRST = "blobs-none-8-search-0"


def test_runs_are_shown_from_their_begin_to_their_end(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a") is not None
    recorder.collect("a", step(2, 0.5))
    recorder.lost("a")  # Tune starts it again from its last checkpoint, or from none
    recorder.collect("a", step(2, 0.5))
    recorder.collect("a", step(4, 0.75, "complete"))
    recorder.end("a")
    second = recorder.start("b")
    assert second is not None
    recorder.collect("b", Failure({"error": "ZeroDivisionError: made to fail"}))
    recorder.end("b")
    recorder.close()
    failed = name_of(second.task)
    assert heard.calls == [
        ("begin", FIRST), ("log", FIRST, 2), ("log", FIRST, 2), ("log", FIRST, 4), ("end", FIRST, "complete"),
        ("begin", failed), ("end", failed, "failed"), ("close",),
    ]  # fmt: skip


def test_a_run_that_is_put_back_has_failed_and_is_a_new_one_when_it_is_redone(recorder: Recorder, heard: Heard) -> None:
    for run_id in "ab":
        assert recorder.start(run_id) is not None
        recorder.collect(run_id, step(2, 0.5))
        if run_id == "a":
            recorder.end(run_id)
    recorder.collect("b", step(4, 0.75, "complete"))
    recorder.end("b")
    recorder.close()
    assert heard.calls == [
        ("begin", FIRST), ("log", FIRST, 2), ("end", FIRST, "failed"),
        ("begin", FIRST), ("log", FIRST, 2), ("log", FIRST, 4), ("end", FIRST, "complete"), ("close",),
    ]  # fmt: skip


def test_runs_stopped_midway_are_closed_as_failed(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a") is not None
    recorder.prepare()  # nobody is shown a run that never starts
    recorder.close()
    assert heard.calls == [("begin", FIRST), ("end", FIRST, "failed"), ("close",)]


def test_a_run_that_lost_its_worker_too_often_has_failed(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a") is not None
    recorder.lost("a")
    recorder.give_up("a")
    recorder.end("a")
    recorder.close()
    assert heard.calls[1] == ("end", FIRST, "failed")


def test_a_tracker_that_fails_is_given_up_and_the_others_go_on(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound, output = Mock(), Mock(), io.StringIO()
    broken.log.side_effect = ConnectionError("[no] answer from http://me:sesame@host/\nand more")
    monkeypatch.setattr("study.drive.tracking.wanted._mlflow", lambda address, study: broken)
    monkeypatch.setattr("study.drive.tracking.wanted._tensorboard", lambda folder: sound)
    options = TrackingOptions(tensorboard=True, mlflow="http://me:sesame@host/")
    follow(open_trackers(options, "tiny", tmp_path, Console(file=output, width=200)), job)
    assert broken.log.call_count == 1 and not broken.end.called and not broken.close.called
    assert sound.log.call_count == 2 and sound.end.call_count == 2 and sound.close.called
    assert output.getvalue() == "warning: --mlflow follows the study no more ([no] answer from http://me:***@host/)\n"


def test_a_study_waits_for_no_tracker_and_at_its_end_for_none_that_hangs(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.drive.tracking.follower.PATIENCE", 0.05)
    over, raised, errors = Signal(), Signal(), []

    def hang(run: str, parameters: Mapping[str, Any]) -> None:
        over.wait()
        raised.set()
        raise ConnectionError("too late to matter")

    follower = Follower(Mock(begin=hang), errors.append)
    follow(Trackers([follower]), job)
    over.set()
    assert raised.wait(10)
    follower._thread.join(10)
    assert [str(error) for error in errors] == ["no answer for 0.05 s"]


def test_a_slow_tracker_is_told_everything_in_the_end(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.drive.tracking.follower.PATIENCE", 0.2)
    heard, pause = Heard(), Signal()
    slow = Mock(wraps=heard, log=lambda *given: (pause.wait(0.15), heard.log(*given)))
    follow(trackers_of(slow), job)
    assert len(heard.calls) == 7 and heard.calls[-1] == ("close",)


@pytest.mark.parametrize(
    ("address", "said", "line"),
    [
        ("http://me:sesame@host/", "no http://me:sesame@host/x", "no http://me:***@host/x"),
        ("http://me:a%40b@host/", "a@b is wrong, a%40b too", "*** is wrong, *** too"),
        ("postgresql://me:a/b:c@host/db", "login me a/b:c", "login me ***"),
        ("postgresql://host/db?user=me&password=sesame&ssl=1", "sesame at host", "*** at host"),
        (None, "no http://me:sesame@host/ or ?password=sesame&x", "no http://me:***@host/ or ?password=***&x"),
        ("sqlite:///mlflow.db", "no http://host:80/", "no http://host:80/"),
        ("http://host/", "", "ValueError"),
    ],
)
def test_messages_have_no_passwords(address: str | None, said: str, line: str) -> None:
    assert in_one_line(ValueError(said), address) == line


def test_secrets_stay_where_they_are() -> None:
    """Tune pickles its callbacks into its own files."""
    recorder: Any = SimpleNamespace(trackers=["http://me:sesame@host/"])
    assert b"sesame" in pickle.dumps(recorder) and b"sesame" not in pickle.dumps(Collector(recorder, print))


def test_nothing_is_imported_that_is_not_wanted() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom rich.console import Console\nimport study.drive.runner\n"
        "from study.drive.tracking.wanted import open_trackers\nfrom study.options import TrackingOptions\n"
        "open_trackers(TrackingOptions(), 'tiny', Path('.'), Console()).close()\n"
        "print([name for name in ('mlflow', 'wandb', 'study.drive.tracking.tensorboard') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


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
    monkeypatch.setattr("study.drive.tracking.wanted.find_spec", lambda module: None)
    assert command.main([*arguments, "--runs-dir", str(tmp_path / "runs")]) == 2
    said = f"error: {arguments[0]}: the package {package} is missing, install it by: pip install {package}\n"
    assert capsys.readouterr().err == said and not list(tmp_path.iterdir())


def test_a_tracker_out_of_reach_is_an_error_before_the_study_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    address = f"sqlite:///{tmp_path}/file/mlflow.db"
    with pytest.raises(UserError, match=r"^--mlflow: .*(Not a directory|unable to open database file|File exists)"):
        open_trackers(TrackingOptions(mlflow=address), "tiny", tmp_path, Console(quiet=True))
