"""What a dry run says a study will take, against means, simulations and the pruner itself."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import optuna
import pandas as pd
import pytest
import torch

import run_study as command
from study.command import parse_command
from study.drive.runner import StudyResult
from study.plan.run_times import RunTimes
from study.plan.spec import StudySpec
from study.plan.tasks import KINDS, Cell, Task, all_tasks, cells
from study.record.sampling import make_pruner
from study.watch.cost import Estimate, Source, estimate, recorded_times, wall_seconds
from study.watch.step_times import expected_share, time_steps
from study.work.data import StudyData, load_data


@pytest.fixture
def data(tiny: StudySpec) -> dict[str, StudyData]:
    return load_data(tiny, None)


def source(name: str, *known: tuple[Task, float]) -> Source:
    times = RunTimes()
    for task, seconds in known:
        times.add(task, seconds)
    return Source(name, times)


def test_each_task_is_told_from_the_first_source_that_knows_its_kind_and_method(tiny: StudySpec) -> None:
    gcn, none, itq = (Cell("blobs", name, 8) for name in ("gcn", "none", "itq"))
    tasks = [Task("search", gcn, 0), Task("search", gcn, 3), Task("search", none, 0), Task("test", itq, 0)]
    drawn = []

    def sources() -> Iterator[Source]:
        for one in (
            source("own", (Task("search", Cell("blobs", "gcn", 16), 7), 2.0), (Task("search", gcn, 1), 4.0)),
            source("other", (tasks[0], 50.0), (tasks[2], 5.0)),
            source("timed", (tasks[2], 70.0), (tasks[3], 7.0)),
            source("never", (tasks[0], 90.0)),
        ):
            drawn.append(one.name)
            yield one

    estimates = estimate(tasks, sources())
    assert estimates == {
        tasks[0]: Estimate(3.0, "own"), tasks[1]: Estimate(3.0, "own"), tasks[2]: Estimate(5.0, "other"),
        tasks[3]: Estimate(7.0, "timed"),
    }  # fmt: skip
    assert drawn == ["own", "other", "timed"]
    assert estimate(tasks[2:], [source("own", (tasks[0], 1.0))]) == {}  # no guess from runs of another kind


def test_records_of_a_study_like_it_are_scaled_to_the_epochs(
    finished: StudyResult, tiny: StudySpec, data: dict[str, StudyData]
) -> None:
    spec = tiny.model_copy(update={"name": "next", "epochs": 12})
    (only,) = recorded_times(spec, data, finished.folder.path.parent, threads=1)
    assert only.name == str(finished.folder.path)
    means = pd.read_csv(finished.folder.records).groupby(["kind", "method"]).seconds.mean()
    for (kind, name), seconds in means.items():
        times = 12 / 4 if name in tiny.methods else 1
        assert only.times.of_its_own(Task(kind, Cell("blobs", name, 8), 0)) == pytest.approx(seconds * times)


@pytest.mark.parametrize("unlike", ["name", "sizes", "threads", "itself"])
def test_records_of_other_data_or_workers_tell_nothing(
    finished: StudyResult, tiny: StudySpec, data: dict[str, StudyData], unlike: str
) -> None:
    spec = tiny if unlike == "itself" else tiny.model_copy(update={"name": "next"})
    if unlike == "name":
        data = {"others": data["blobs"]}
    if unlike == "sizes":
        limited = tiny.datasets[0].model_copy(update={"max_database": 150})
        data = load_data(tiny.model_copy(update={"datasets": [limited]}), None)
    found = list(recorded_times(spec, data, finished.folder.path.parent, threads=2 if unlike == "threads" else 1))
    assert estimate(all_tasks(tiny), found) == {}


def test_the_time_it_takes_is_bounded_by_slots_and_by_the_longest_cell(tiny: StudySpec) -> None:
    rng = random.Random(0)
    estimates = {task: Estimate(rng.uniform(1, 9), "x") for task in all_tasks(tiny)}
    assert wall_seconds(tiny, estimates, 1) == pytest.approx(sum(one.seconds for one in estimates.values()))
    longest = max(
        sum(one.seconds for task, one in estimates.items() if task.cell == cell and task.kind == "search")
        + max(one.seconds for task, one in estimates.items() if task.cell == cell and task.kind == "test")
        for cell in cells(tiny)
    )
    assert wall_seconds(tiny, estimates, 1000) == pytest.approx(longest)


@pytest.mark.parametrize(
    ("trials", "startup", "warmup", "report_every"), [(12, 4, 10, 10), (30, 5, 0, 5), (4, 5, 0, 5)]
)
def test_the_expected_share_is_what_the_pruner_leaves_of_random_trials(
    tiny: StudySpec, trials: int, startup: int, warmup: int, report_every: int
) -> None:
    """Optuna's own pruner on trials whose score is random and does not change by epoch."""
    pruner = {"name": "median", "startup_trials": startup, "warmup_epochs": warmup}
    changes = {"trials": trials, "epochs": 30, "pruner": pruner, "report_every": report_every}
    spec = StudySpec.model_validate(tiny.model_dump() | changes)
    rng, epochs = random.Random(1), 0
    for _ in range(30):
        study = optuna.create_study(direction="maximize", pruner=make_pruner(spec.pruner, spec.epochs))
        for _ in range(trials):
            trial, score = study.ask(), rng.random()
            for epoch in range(report_every, 31, report_every):
                trial.report(score, epoch)
                if trial.should_prune():
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(trial, score)
            epochs += epoch
    assert expected_share(spec, "gcn") == pytest.approx(epochs / (30 * trials * 30), abs=0.04)


def test_timed_steps_know_every_kind_of_run_and_leave_the_threads_as_they_were(
    tiny: StudySpec, data: dict[str, StudyData]
) -> None:
    before = torch.get_num_threads()
    times = time_steps(tiny, "blobs", data["blobs"], threads=1)
    assert torch.get_num_threads() == before
    assert {task.kind for task in all_tasks(tiny)} == set(KINDS)
    assert all((times.of_its_own(task) or 0) > 0 for task in all_tasks(tiny))


def test_a_dry_run_tells_from_steps_then_from_records_and_says_so(
    finished: StudyResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, runs = str(finished.folder.spec), str(finished.folder.path.parent)
    assert command.main([spec, "--dry-run", "--runs-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Estimate from timed steps" in printed and "device-hours" in printed and "itq" in printed
    assert command.main([spec, "--dry-run", "--runs-dir", runs, "--name", "next", "--max-concurrent", "1"]) == 0
    printed = capsys.readouterr().out
    assert f"Estimate from {finished.folder.path}" in printed and "timed" not in printed
    assert "with 1 at a time" in printed
    hours = finished.records["device_seconds"].sum() / 3600
    (told,) = re.findall(r"at a time, (\S+) device-hours", printed)
    assert float(told) == pytest.approx(hours, rel=0.01)  # of three digits, and of sums in another order
    assert command.main([spec, "--dry-run", "--runs-dir", runs]) == 0
    assert "What is left" not in capsys.readouterr().out  # nothing is


def test_a_dry_run_without_the_data_still_shows_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dry-run", "--dataset", "nowhere.npz", "--runs-dir", str(tmp_path)]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    left = len(all_tasks(parse_command(arguments).spec))
    assert f"{left} left" in printed and "No estimate for nowhere: nowhere.npz" in printed
