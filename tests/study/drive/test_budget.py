"""Limits of time and cost: what stops, how it is counted, and that the same command goes on with the rest."""

from __future__ import annotations

import io
import random
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pandas as pd
import pytest
import torch
from ray.tune.search import Searcher

import run_study as command
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.summary import summarise
from analysis.tables.cost import cost_table
from analysis.tables.scores import cells_table
from hasher.data import load_dataset, make_splits
from study.drive.budget import Deadline, DeviceHours
from study.drive.runner import StudyResult
from study.drive.tune_parts import CellSearcher
from study.options import TrackingOptions
from study.plan.finished import Finished, winner
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task, all_tasks, cells
from study.record.export import export
from study.record.ledger import Ledger, spec_digest
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.work.data import StudyData
from study.work.runs import Step, start_work
from tests.study.conftest import run_tiny
from tests.study.here import runs_here

#: Columns that may differ between two runs of the same study.
TIMES = ["started", "seconds", "device_seconds", "optuna_trial", "commit"]


@pytest.fixture
def second_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that a search looks at twice an epoch, and that goes on by half a second at each look."""
    looks = count()
    monkeypatch.setattr("study.work.runs.time", SimpleNamespace(perf_counter=lambda: float(next(looks))))


@pytest.fixture
def data(tiny: StudySpec) -> StudyData:
    dataset = load_dataset(tiny.datasets[0].source)
    return StudyData(dataset, make_splits(dataset, tiny.datasets[0].split_config(0)))


def job(spec: StudySpec, time_limit: float | None) -> Job:
    config = spec.configure("gcn", 8, {"learning_rate": 0.01, "knn_size": 5})
    return Job(
        Task("search", Cell("blobs", "gcn", 8), 0), 3, config, spec.report_every, spec.objective, spec.k, time_limit
    )


def steps(tiny: StudySpec, data: StudyData, time_limit: float | None) -> list[Step]:
    """A search trial, continued after each of its steps from a checkpoint of it."""
    work, found = start_work(job(tiny, time_limit), data), []
    while not found or found[-1].state == "running":
        found.append(work.step())
        saved = io.BytesIO()
        torch.save(work.state_dict(), saved)
        saved.seek(0)
        work = start_work(job(tiny, time_limit), data)
        work.load_state_dict(torch.load(saved, weights_only=True))
    return found


@pytest.mark.parametrize(
    ("limit", "epochs", "state"),
    [(0.5, 1, "timeout"), (2.5, 3, "timeout"), (3.5, 4, "complete"), (None, 4, "complete")],
)
def test_a_trial_stops_after_the_epoch_that_passes_its_limit(
    tiny: StudySpec, data: StudyData, second_an_epoch: None, limit: float | None, epochs: int, state: str
) -> None:
    """Epochs take a second each; one that has no more to do is complete, and a new worker starts no new clock."""
    found = steps(tiny, data, limit)
    assert found[-1].state == state and sum(len(step.epochs) for step in found) == epochs
    assert found[-1].outcome["epochs"] == epochs and 0 < found[-1].outcome["map"] <= 1
    assert found[-1].outcome.get("note") == (
        f"over the time limit of {limit:g} s after epoch {epochs}" if state == "timeout" else None
    )


def test_only_search_trials_are_limited(tiny: StudySpec, study_folder: StudyFolder) -> None:
    spec = tiny.model_copy(update={"trial_time_limit": 60.0})
    study_folder.path.mkdir()
    ledger = Ledger(spec, open_storage(str(study_folder.journal)))
    searched = ledger.begin(Task("search", cells(spec)[0], 0))
    ledger.finish(searched.task, "complete", {"map": 0.5, "chosen_epoch": 1}, {})
    assert searched.time_limit == 60
    assert ledger.begin(Task("test", cells(spec)[0], 0)).time_limit is None


def test_a_trial_over_its_limit_is_counted_and_cannot_win(tiny: StudySpec, study_folder: StudyFolder) -> None:
    spec = tiny.model_copy(update={"trial_time_limit": 60.0})
    study_folder.path.mkdir()
    study_folder.freeze(spec, None)
    ledger = Ledger(spec, open_storage(str(study_folder.journal)))
    first, second = cells(spec)[:2]
    for cell, states in {first: ["timeout", "complete", "timeout", "pruned"], second: ["timeout"] * 4}.items():
        for index, state in enumerate(states):
            task = ledger.begin(Task("search", cell, index)).task
            score = 0.9 if state == "timeout" else 0.5
            ledger.finish(task, state, {"map": score, "chosen_epoch": 1, "device_seconds": 1.0}, {})  # type: ignore[arg-type]
    best = winner(spec, ledger.finished, first)
    assert best is not None and best.score == 0.5 and winner(spec, ledger.finished, second) is None
    export(ledger, study_folder)
    study = load_study(study_folder.path)
    rows = summarise(study).set_index(["method", "bits"])
    counts = ["planned", "complete", "pruned", "timeout", "diverged", "failed", "not_run"]
    assert list(rows.loc[("none", 8), counts]) == [4, 1, 1, 2, 0, 0, 0]
    assert rows.loc[("gcn", 8), "missing"] == "no trial complete (4 over the time limit)"
    for table in (cells_table(results_of(study, "blobs")), cost_table(results_of(study, "blobs"))):
        position = [column.heading for column in table.columns].index("Over time")
        row = next(row for row in table.rows if row[0].text == "No graph")
        assert row[position].text == "2"


def test_a_study_with_a_limit_is_another_study(tiny: StudySpec) -> None:
    """Its digest is in the storage of every study, and one that differs is refused."""
    assert spec_digest(tiny.model_copy(update={"trial_time_limit": 60.0})) != spec_digest(tiny)


@pytest.mark.parametrize("devices", [1.0, 0.25])
@pytest.mark.parametrize("seed", range(3))
def test_device_hours_are_used_up_and_passed_by_no_more_than_a_run(tiny: StudySpec, devices: float, seed: int) -> None:
    """A simulation of three slots: runs of equal expectation take 50 to 150 seconds each."""
    rng = random.Random(seed)
    finished: dict[Task, Finished] = {}
    cap = DeviceHours(1000 * devices / 3600, finished, devices)
    waiting = all_tasks(tiny)
    running: list[tuple[Task, float]] = []
    while True:
        while len(running) < 3 and not cap.are_spent(running):
            running.append((waiting.pop(0), 0.0))
        if not running:
            break
        task, _ = running.pop(rng.randrange(len(running)))
        seconds = rng.uniform(50, 150)
        finished[task] = Finished("complete", 0.5, 1, seconds, seconds * devices)
    used = sum(one.device_seconds for one in finished.values()) / devices
    assert 1000 <= used <= 1000 + 150 + 3 * 50
    assert DeviceHours(1000 * devices / 3600, finished, devices).are_spent([])  # also for the next sitting


def test_the_searcher_waits_for_runs_in_flight_before_it_gives_up() -> None:
    """They may take less than was expected of them, which leaves room for more."""
    task, finished = Task("search", Cell("blobs", "gcn", 8), 0), dict[Task, Finished]()
    recorder = Mock(exhausted=False, trouble=None, in_flight=1)
    searcher = CellSearcher(recorder, lambda: 4, DeviceHours(1.0, finished, 1.0))
    recorder.running.return_value = [(task, 4000.0)]
    assert searcher.suggest("next") is None
    recorder.running.return_value = []
    finished[task] = Finished("complete", device_seconds=4000.0)
    assert searcher.suggest("next") == Searcher.FINISHED
    recorder.start.assert_not_called()


def test_spent_device_hours_start_nothing_and_say_so(
    tiny: StudySpec, study_folder: StudyFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_ray(*arguments: object, **keywords: object) -> None:
        raise AssertionError("there is nothing to start")

    monkeypatch.setattr("ray.init", no_ray)
    study_folder.path.mkdir()
    study_folder.freeze(tiny, None)
    ledger = Ledger(tiny, open_storage(str(study_folder.journal)))
    ledger.finish(ledger.begin(all_tasks(tiny)[0]).task, "complete", {"map": 0.5, "device_seconds": 7200.0}, {})
    assert command.main([str(study_folder.path), "--max-device-hours", "1.5"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 device-hours are spent. 24 runs left: a larger --max-device-hours goes on with them." in printed
    assert command.main([str(study_folder.path), "--time-budget", "0.001s"]) == 1
    assert "The time budget is spent. 24 runs left: the same command goes on" in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_time_budget_stops_runs_midway_and_the_same_command_completes_the_same_study(
    finished: StudyResult, tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StudyFolder(tmp_path / "tiny")

    def passed(deadline: Deadline) -> bool:
        return folder.journal.exists() and folder.journal.read_text().count('"outcome"') >= 5

    with monkeypatch.context() as patch:
        patch.setattr(Deadline, "has_passed", property(passed))
        first = run_tiny(tiny, tmp_path, max_concurrent=1, time_budget=3600, address=cluster)
    assert first.spent == "time budget" and first.counts.left == 25 - first.counts.done
    assert 5 <= first.counts.done < 10 and len(first.records) == first.counts.done
    tracking = TrackingOptions(tensorboard=True)
    with runs_here():
        second = run_tiny(tiny, tmp_path, time_budget=3600, tracking=tracking)
    assert second.spent is None and second.counts.left == 0
    before, after, whole = (pd.read_csv(path) for path in (
        io.StringIO(first.records.to_csv(index=False)), second.folder.records, finished.folder.records,
    ))  # fmt: skip
    pd.testing.assert_frame_equal(after.drop(columns=TIMES), whole.drop(columns=TIMES), check_exact=True)
    assert set(before.started) <= set(after.started)  # what had ended was not run again
    assert len(list(folder.tracking.glob("*/events*"))) == second.counts.done - first.counts.done
