"""Whole studies: what comes out, and what survives faults, signals and a killed driver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from optuna.trial import TrialState

import run_study as command
from hasher.errors import UserError
from hasher.model_file import load_hasher
from hasher.references import REFERENCES
from study.drive.runner import StudyResult
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, all_tasks
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from tests.study.conftest import TINY, run_tiny
from tests.study.faulty import FaultyTrainable
from tests.study.here import runs_here

ROOT = Path(__file__).parents[2]
#: Columns that may differ between two runs of the same study.
TIMES = ["started", "seconds", "device_seconds", "optuna_trial"]


def identities(records: pd.DataFrame) -> Counter[tuple[object, ...]]:
    return Counter(records[["dataset", "method", "bits", "kind", "index"]].itertuples(index=False, name=None))


def planned(spec: StudySpec) -> Counter[tuple[object, ...]]:
    return Counter((t.cell.dataset, t.cell.method, t.cell.bits, t.kind, t.index) for t in all_tasks(spec))


def stored_states(folder: StudyFolder) -> Counter[TrialState]:
    storage = open_storage(str(folder.journal))
    return Counter(trial.state for study in optuna.get_all_study_summaries(storage)
                   for trial in optuna.load_study(study_name=study.study_name, storage=storage).trials)  # fmt: skip


def test_every_planned_run_has_one_row(finished: StudyResult, tiny: StudySpec) -> None:
    records = pd.read_csv(finished.folder.records)
    assert identities(records) == planned(tiny)
    assert set(records.state) <= {"complete", "pruned"} and finished.counts.left == 0
    assert not finished.folder.ray.exists()


def test_rows_hold_what_a_reader_needs(finished: StudyResult, tiny: StudySpec) -> None:
    records = pd.read_csv(finished.folder.records)
    tests = records[records.scored_on == "test"]
    assert set(tests.kind) == {"test"}
    assert tests[~tests["method"].isin(["float_cosine", "float_diffusion"])].map_released.notna().all()
    assert records[records.kind == "search"].map_released.isna().all()
    for column in ("seed", "seconds", "device_seconds", "started", "host", "versions", "commit", "data_fingerprint"):
        assert records[column].notna().all(), column
    hashers = records[records.method.isin(tiny.methods)]
    for column in ("ae_width", "learning_rate", "batch_size", "alpha", "lambda_rec", "epochs"):
        assert hashers[column].notna().all(), column
    assert (hashers.knn_size.isna() == (hashers.method == "none")).all()  # which looks at no graph
    families = records.groupby("method").family.unique().map(list).to_dict()
    assert families["gcn"] == ["HAGCN"] and families["itq"] == ["Linear hashes"]
    floats = records[records.family == "Float vectors"]
    assert len(floats) == 2 and (floats.bits == 0).all() and set(floats.method) == set(REFERENCES)
    assert records["map"].between(0, 1).all()


def test_curves_hold_every_epoch_of_every_run(finished: StudyResult, tiny: StudySpec) -> None:
    records, curves = pd.read_csv(finished.folder.records), pd.read_csv(finished.folder.curves)
    keys = ["method", "kind", "index"]
    lengths = curves.groupby(keys).epoch.agg(["count", "max"])
    for row in records[records.method.isin(tiny.methods)].itertuples():
        assert tuple(lengths.loc[(row.method, row.kind, row.index)]) == (row.epochs, row.epochs)
    search = curves[curves.kind == "search"]
    best = search.groupby(keys)["map"].max()
    for row in records[records.kind == "search"].itertuples():
        assert best.loc[(row.method, row.kind, row.index)] == pytest.approx(row.map, rel=1e-5)


def test_each_cell_leaves_the_first_seeds_model_and_every_evaluation(finished: StudyResult, tiny: StudySpec) -> None:
    records = pd.read_csv(finished.folder.records)
    for name in tiny.all_methods:
        saved = load_hasher(finished.folder.model(Cell("blobs", name, 8)))
        assert saved.settings["method"] == name
        row = records.query("method == @name and kind == 'test' and `index` == 0").iloc[0]
        assert saved.about["seed"] == row.seed and saved.about["map"] == row["map"]
    for row in records[records.kind == "test"].itertuples():
        path = finished.folder.evaluation(Task("test", Cell("blobs", row.method, row.bits), row.index))
        with np.load(path, allow_pickle=False) as arrays:
            assert arrays["map_by_query"].mean() == pytest.approx(row.map, abs=1e-12)


def test_the_winner_was_chosen_on_validation_alone(finished: StudyResult) -> None:
    records = pd.read_csv(finished.folder.records)
    for name, rows in records.groupby("method"):
        search = rows[(rows.kind == "search") & (rows.state == "complete")]
        if len(search):
            best = search.loc[search["map"].idxmax()]
            for row in rows[rows.kind == "test"].itertuples():
                assert (row.learning_rate, row.epochs) == (best.learning_rate, best.chosen_epoch), name
                assert row.knn_size == best.knn_size or name == "none"


def test_the_same_spec_and_seed_give_the_same_records(
    finished: StudyResult, tiny: StudySpec, cluster: str, tmp_path: Path
) -> None:
    again = run_tiny(tiny, tmp_path, max_concurrent=1, address=cluster)
    first, second = (pd.read_csv(r.folder.records).drop(columns=TIMES) for r in (finished, again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_faults_are_recorded_or_retried_and_the_study_completes(
    tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Marking(FaultyTrainable):
        """Its workers are of a cluster that was started before the folder was there."""

        def setup(self, *arguments: Any, **keywords: Any) -> None:
            os.environ["FAULTY_MARKERS"] = str(tmp_path)
            super().setup(*arguments, **keywords)

    monkeypatch.setattr("study.drive.lost_workers.RETRIES", 1)  # each lost worker is another to start
    spec = tiny.model_copy(update={"methods": ["none", "gcn"], "replicates": 1})
    result = run_tiny(spec, tmp_path, Marking, address=cluster)
    assert "Traceback" not in caplog.text  # of Tune, for a worker that is retried
    records = result.records
    assert identities(records) == planned(spec)
    faulty = records[(records["method"] == "none") & (records.kind == "search")].set_index("index")
    assert list(faulty.state.loc[[0, 1, 3]]) == ["failed", "diverged", "failed"]
    assert faulty.state.loc[2] in ("complete", "pruned") and (tmp_path / "killed-once").exists()
    assert faulty.error.loc[0] == "ZeroDivisionError: made to fail"
    assert "loss is nan" in faulty.error.loc[1] and "worker was lost" in faulty.error.loc[3]
    others = records[(records["method"] != "none") & (records.kind == "search")]
    assert set(others.state) <= {"complete", "pruned"}
    assert TrialState.RUNNING not in stored_states(result.folder)


def start(space: Path, runs: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_study.py"), str(space), "--runs-dir", str(runs), *arguments],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def finished_in(folder: StudyFolder) -> int:
    """Runs that the journal says have ended (counted as text, so that the journal is not touched)."""
    return folder.journal.read_text().count('"outcome"') if folder.journal.exists() else 0


def ended_by(end: signal.Signals, after: int, space: Path, folder: StudyFolder) -> tuple[str, int]:
    """Start the study, and end its driver once so many runs are finished: its output and exit code."""
    driver = start(space, folder.path.parent, "--max-concurrent", "1")
    deadline = time.monotonic() + 120
    while finished_in(folder) < after:
        assert driver.poll() is None and time.monotonic() < deadline, driver.communicate()[0]
        time.sleep(0.05)
    os.kill(driver.pid, end)
    output, _ = driver.communicate(timeout=60)
    return output, driver.returncode


def ended_runs(folder: StudyFolder) -> dict[tuple[str, int], float]:
    """When each finished run was started, by its Optuna study and trial."""
    storage = open_storage(str(folder.journal))
    return {
        (study.study_name, trial.number): trial.user_attrs["outcome"]["started"]
        for study in optuna.get_all_study_summaries(storage)
        for trial in optuna.load_study(study_name=study.study_name, storage=storage).trials
        if trial.state.is_finished() and "outcome" in trial.user_attrs
    }


def test_a_stopped_driver_loses_and_repeats_nothing(blobs: Path, tmp_path: Path) -> None:
    """Killed first, then terminated, which is taken for Ctrl-C, then left alone."""
    space = tmp_path / "tiny.yaml"
    changes = {"datasets": [str(blobs)], "methods": ["gcn"], "trials": 9, "epochs": 40, "report_every": 20}
    space.write_text(yaml.safe_dump({**TINY, **changes}))
    folder = StudyFolder(tmp_path / "runs" / "tiny")
    ended_by(signal.SIGKILL, 4, space, folder)
    killed = ended_runs(folder)
    assert len(killed) >= 3
    output, code = ended_by(signal.SIGTERM, len(killed) + 4, space, folder)
    assert code == 130 and "same command goes on" in output and "best validation mAP" in output
    interrupted = ended_runs(folder)
    assert len(interrupted) > len(killed) and TrialState.RUNNING not in stored_states(folder)
    with runs_here():
        assert command.main([str(space), "--runs-dir", str(tmp_path / "runs")]) == 0
    spec = folder.read_spec()
    assert spec is not None
    records = pd.read_csv(folder.records)
    assert identities(records) == planned(spec)
    assert TrialState.RUNNING not in stored_states(folder)
    kept = {(r.optuna_study, r.optuna_trial): r.started for r in records.itertuples()}
    assert (killed | interrupted).items() <= kept.items()


def test_ctrl_c_before_anything_runs_is_one_line(
    tiny: StudySpec, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("study.drive.runner.load_data", interrupted)
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny.to_yaml())
    assert command.main([str(path), "--runs-dir", str(tmp_path / "runs")]) == 130
    assert capsys.readouterr().err == "stopped: what has ended is recorded, the same command goes on\n"


def test_a_finished_study_is_only_shown(
    finished: StudyResult, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_ray(*arguments: object, **keywords: object) -> None:
        raise AssertionError("a finished study has no need of Ray")

    monkeypatch.setattr("ray.init", no_ray)
    copy = StudyFolder(tmp_path / finished.folder.path.name)  # others look at what is finished
    shutil.copytree(finished.folder.path, copy.path)
    assert command.main([str(copy.spec), "--runs-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "chebyshev" in printed.lower() and "ITQ" in printed
    assert str(copy.path / "report.html") in printed and (copy.path / "report.html").exists()
    assert copy.journal.read_bytes() == finished.folder.journal.read_bytes()


def test_a_different_study_of_the_same_name_is_refused(
    finished: StudyResult, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(finished.folder.spec), "--runs-dir", str(finished.folder.path.parent), "--trials", "9"]
    assert command.main(arguments) == 2
    assert "trials: 4 → 9" in capsys.readouterr().err


def test_a_dry_run_counts_and_touches_nothing(
    finished: StudyResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(finished.folder.spec), "--runs-dir", str(tmp_path), "--dry-run"]) == 0
    assert "0 of 25 runs done" in capsys.readouterr().out and not list(tmp_path.iterdir())
    before = finished.folder.journal.read_bytes()
    assert command.main([str(finished.folder.spec), "--runs-dir", str(finished.folder.path.parent), "--dry-run"]) == 0
    assert "25 of 25 runs done" in capsys.readouterr().out
    assert finished.folder.journal.read_bytes() == before


def test_two_drivers_do_not_share_a_study(finished: StudyResult, tiny: StudySpec) -> None:
    with finished.folder.locked(), pytest.raises(UserError, match=r"another run_study\.py runs this study"):
        run_tiny(tiny, finished.folder.path.parent)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.yaml"], "no such search space"),
        (["--filters", "wavelet"], "no method is called 'wavelet'"),
        (["--time-budget", "soon"], "is not a time"),
        (["--dataset", "nowhere"], "nowhere"),
        (["--bits", "0"], "bits"),
        (["--max-concurrent", "0"], "--max-concurrent"),
        (["--cpus-per-trial", "-1"], "--cpus-per-trial"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = command.main([*arguments, "--runs-dir", str(tmp_path / "runs")])
    except SystemExit as error:
        code = error.code
    captured = capsys.readouterr()
    assert code == 2 and says in captured.err and "Traceback" not in captured.err


def test_a_trial_that_fits_nowhere_is_one_line(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--runs-dir", str(tmp_path / "runs"), "--cpus-per-trial", "1000", "--address", cluster]
    assert command.main(arguments) == 2
    captured = capsys.readouterr()
    assert "more than the cluster has" in captured.err and "Traceback" not in captured.err


def test_a_time_budget_stops_early_and_says_what_is_left(tiny: StudySpec, cluster: str, tmp_path: Path) -> None:
    result = run_tiny(tiny, tmp_path, time_budget=0.01, address=cluster)
    assert 0 < result.counts.left <= len(all_tasks(tiny))
    assert result.counts.done + result.counts.left == len(all_tasks(tiny))
