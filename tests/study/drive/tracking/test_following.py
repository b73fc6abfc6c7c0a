"""How trackers follow a study: what they are told of its runs, and what becomes of it where one of them fails."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event as Signal
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from rich.console import Console

import run_study as command
from hasher.errors import UserError
from study.drive.lost_workers import LostWorkers
from study.drive.recorder import Recorder
from study.drive.tracking.follower import Follower
from study.drive.tracking.messages import in_one_line
from study.drive.tracking.shown import name_of, position_of, values_of
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
from tests.study.drive.tracking.tracked import Heard, follow, step, trackers_of


@pytest.fixture
def job(tiny: StudySpec) -> Job:
    config = tiny.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    return Job(Task("search", Cell("blobs", "gcn", 8), 3), 11, config, 2, "map", 200)


def test_trackers_are_shown_numbers_alone() -> None:
    model, arrays = b"weights", {"average_precision": np.ones(9)}
    outcome = {"scored_on": "test", "epochs": 7, "map": 0.5, "map_released": None, "error": "text", "note": "text"}
    last = {"epoch": 7.0, "loss": float("nan"), "loss_rec": 0.25}
    shown = Step("complete", outcome, [last], arrays, model)
    assert values_of(shown) == {"epoch": 7.0, "loss_rec": 0.25, "test_map": 0.5} and position_of(shown) == 7
    assert values_of(step(4, 0.5))["best_map"] == 0.5
    assert position_of(Step("complete", {"scored_on": "test", "map": 0.5})) == 1  # a baseline has no epochs


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def recorder(tiny: StudySpec, study_folder: StudyFolder, heard: Heard) -> Recorder:
    study_folder.path.mkdir()
    ledger = Ledger(tiny, open_storage(str(study_folder.journal)))
    lost_workers = LostWorkers(lambda: 0)
    return Recorder(ledger, Plan(tiny, ledger.finished), study_folder, lost_workers, {}, trackers_of(heard))


FIRST = "blobs-none-8-search-0"


def test_runs_are_shown_from_their_begin_to_their_end(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a")
    recorder.collect("a", [step(2, 0.5)])
    recorder.lost("a")  # Tune starts it again from its last checkpoint, or from none
    recorder.collect("a", [step(2, 0.5)])
    recorder.collect("a", [step(4, 0.75, "complete")])
    recorder.end("a")
    (second,) = recorder.start("b")
    recorder.collect("b", [Failure({"error": "ZeroDivisionError: made to fail"})])
    recorder.end("b")
    recorder.close()
    failed = name_of(second.task)
    assert heard.calls == [
        ("begin", FIRST), ("log", FIRST, 2), ("log", FIRST, 2), ("log", FIRST, 4), ("end", FIRST, "complete"),
        ("begin", failed), ("end", failed, "failed"), ("close",),
    ]  # fmt: skip


def test_a_run_that_is_put_back_has_failed_and_is_a_new_one_when_it_is_redone(recorder: Recorder, heard: Heard) -> None:
    for run_id in "ab":
        assert recorder.start(run_id)
        recorder.collect(run_id, [step(2, 0.5)])
        if run_id == "a":
            recorder.end(run_id)
    recorder.collect("b", [step(4, 0.75, "complete")])
    recorder.end("b")
    recorder.close()
    assert heard.calls == [
        ("begin", FIRST), ("log", FIRST, 2), ("end", FIRST, "failed"),
        ("begin", FIRST), ("log", FIRST, 2), ("log", FIRST, 4), ("end", FIRST, "complete"), ("close",),
    ]  # fmt: skip


def test_runs_stopped_midway_are_closed_as_failed(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a")
    recorder.prepare()  # nobody is shown a run that never starts
    recorder.close()
    assert heard.calls == [("begin", FIRST), ("end", FIRST, "failed"), ("close",)]


def test_a_run_that_lost_its_worker_too_often_has_failed(recorder: Recorder, heard: Heard) -> None:
    assert recorder.start("a")
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
