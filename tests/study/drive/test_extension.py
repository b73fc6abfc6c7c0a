"""A study that grows: what it found stays, what it becomes is what it would have been, and it can stop on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

import run_study as command
from analysis.command import main as analyse
from analysis.report_facts import extensions_in_words
from analysis.study_records import load_study
from analysis.summary import former_tests
from analysis.verify import verify
from hasher.errors import UserError
from study.drive.extension import extend
from study.drive.runner import StudyResult
from study.plan.finished import winning_task
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from study.record.export import export
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.watch.counts import count_runs
from tests.study.here import runs_here

#: Columns that may differ between a study that grew and one that was so from the start.
WHEN = ["started", "seconds", "device_seconds", "optuna_trial", "optuna_study", "commit", "together"]


def grown(spec: StudySpec, **changes: Any) -> StudySpec:
    return StudySpec.model_validate(spec.model_dump() | changes)


def made_up(job: Job) -> dict[str, Any]:
    """An outcome that follows from what the job is, and that no two jobs share."""
    config = job.config.model_dump(exclude={"epochs"}) if job.config else {}
    seed = [job.seed, *repr((job.task.cell, sorted(config.items()))).encode()]
    return {"map": float(np.random.default_rng(seed).random()), "chosen_epoch": 2, "epochs": 2}


def run(ledger: Ledger, most: int = 10**6) -> None:
    """Everything that is left, in the study's order."""
    plan = Plan(ledger.spec, ledger.finished)
    while most > 0 and (task := plan.next_task()) is not None:
        job = ledger.begin(task)
        ledger.finish(task, "complete", made_up(job), {"epoch": [1, 2]})
        plan.ended(task)
        most -= 1


def opened(folder: StudyFolder, spec: StudySpec) -> Ledger:
    """As a driver opens a study with --extend."""
    folder.path.mkdir(exist_ok=True)
    extend(folder, spec, open_storage(str(folder.journal)), None)
    folder.freeze(spec, None)
    former = [amendment.former for amendment in folder.read_amendments().amendments]
    return Ledger(spec, open_storage(str(folder.journal)), former)


def records_of(ledger: Ledger, folder: StudyFolder) -> pd.DataFrame:
    rows = export(ledger, folder)
    return rows[~rows.superseded].drop(columns=["optuna_trial", "optuna_study"]).reset_index(drop=True)


GROWTH: list[dict[str, Any]] = [
    {"trials": 7}, {"replicates": 4}, {"bits": [4, 8, 16]}, {"methods": ["none", "gcn", "chebyshev", "spline"]},
    {"baselines": ["lsh", "pca_sign", "itq", "agh"]},
    {"trials": 6, "replicates": 3, "bits": [8, 16], "methods": ["gcn", "chebyshev", "none", "lanczos"]},
]  # fmt: skip


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize("changes", GROWTH)
@pytest.mark.parametrize("stops", [(), (0, 1, 5)])
def test_a_study_that_grew_is_the_study_that_was_so_from_the_start(
    tiny: StudySpec, tmp_path: Path, sampler: str, changes: dict[str, Any], stops: tuple[int, ...]
) -> None:
    """TPE too: what it samples depends on the trials of the cell alone. The driver may die at any time."""
    small = grown(tiny, sampler={"name": sampler, "startup_trials": 2})
    large, folder, whole = grown(small, **changes), StudyFolder(tmp_path / "tiny"), StudyFolder(tmp_path / "whole")
    run(opened(folder, small))
    before = {(t.study, t.number): t.value for t in trials_in(folder)}
    for most in stops:
        ledger = opened(folder, large)
        run(ledger, most)
        if task := Plan(large, ledger.finished).next_task():
            ledger.begin(task)  # and no word of it ever again
    ledger, other = opened(folder, large), opened(whole, large)
    run(ledger)
    run(other)
    assert count_runs(large, ledger.finished).left == 0
    pd.testing.assert_frame_equal(records_of(ledger, folder), records_of(other, whole), check_exact=True)
    after = {(t.study, t.number): t.value for t in trials_in(folder)}
    assert before.items() <= after.items()  # numbers and scores as they were, and nothing is gone
    (amendment,) = folder.read_amendments().amendments
    assert amendment.tested == 2 * 3 + 2 * 2 + 1 + 2  # replicates, LSH and ITQ, PCA-sign, references


class Stored:
    def __init__(self, study: str, trial: optuna.trial.FrozenTrial) -> None:
        self.study, self.number = study, trial.number
        self.value = (trial.value, trial.params, trial.user_attrs.get("outcome"))


def trials_in(folder: StudyFolder) -> list[Stored]:
    storage = open_storage(str(folder.journal))
    return [
        Stored(name.partition("@")[0], trial)
        for name in optuna.get_all_study_names(storage)
        for trial in optuna.load_study(study_name=name, storage=storage).trials
    ]


def test_a_new_winner_is_tested_and_the_tests_of_the_old_one_stay_marked(tiny: StudySpec, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "tiny")
    ledger = opened(folder, tiny)
    run(ledger)
    export(ledger, folder)
    former = {cell: winning_task(tiny, ledger.finished, cell) for cell in searched(tiny)}
    more = grown(tiny, trials=6)
    ledger = opened(folder, more)
    run(ledger)
    rows = export(ledger, folder)
    changed = {cell for cell in searched(tiny) if winning_task(more, ledger.finished, cell) != former[cell]}
    assert changed and changed != set(searched(tiny))
    gone = rows[rows.superseded]
    assert {*zip(gone.method, gone.bits, strict=True)} == {(cell.method, cell.bits) for cell in changed}
    assert (gone.kind == "test").all() and len(gone) == 2 * len(changed)
    study = load_study(folder.path)
    told = " ".join(extensions_in_words(study))
    assert "trials: 4 → 6" in told and f"{len(changed)} cell" in told and f"{len(gone)} runs, kept" in told
    assert {cell: former_tests(study, cell) for cell in searched(tiny)} == {
        cell: 2 * (cell in changed) for cell in searched(tiny)
    }
    assert len(study.records) + len(study.superseded) == len(rows) and len(study.superseded) == len(gone)
    for cell in searched(tiny):
        best = study.winner(cell)
        assert best is not None and set(study.runs("test", cell).learning_rate) == {best.learning_rate}


def searched(spec: StudySpec) -> list[Cell]:
    return [Cell("blobs", name, 8) for name in spec.methods]


def test_a_trial_keeps_the_epochs_that_it_was_planned_for(tiny: StudySpec, tmp_path: Path) -> None:
    """A winner found in a shorter study is tested by the shorter study's schedule."""
    folder = StudyFolder(tmp_path / "tiny")
    run(opened(folder, tiny), 12)
    ledger = opened(folder, grown(tiny, epochs=9, trials=5))
    for cell in searched(tiny):
        last = ledger.begin(Task("search", cell, 4))
        assert last.config is not None and last.config.epochs == 9
        ledger.finish(last.task, "complete", {"map": 0.0, "chosen_epoch": 3}, {"epoch": [1, 2]})
        test = ledger.begin(Task("test", cell, 0))
        assert test.config is not None and (test.config.epochs, test.config.trained_epochs) == (4, 2)


def test_choices_that_are_added_are_tried_and_earlier_trials_keep_their_numbers(
    tiny: StudySpec, tmp_path: Path
) -> None:
    """Optuna refuses other choices in the same study: the cell goes on in another one, with the same trials."""
    widths = {"type": "categorical", "choices": [16, 32]}
    values = tiny.model_dump()
    small = grown(tiny, fixed={"batch_size": 64}, space=values["space"] | {"ae_width": widths})
    large = grown(
        small, trials=14, space=small.model_dump()["space"] | {"ae_width": widths | {"choices": [16, 24, 32]}}
    )
    folder = StudyFolder(tmp_path / "tiny")
    run(opened(folder, small))
    before = {(t.study, t.number): t.value for t in trials_in(folder)}
    run(opened(folder, large), 1)
    ledger = opened(folder, large)
    run(ledger)
    again = opened(folder, large)
    assert again.finished == ledger.finished and count_runs(large, again.finished).left == 0
    rows = export(again, folder)
    search = rows[rows.kind == "search"]
    assert (search.groupby("method").optuna_trial.apply(list).map(lambda n: n == list(range(14)))).all()
    assert (search.ae_width == 24).any() and set(search.optuna_study) == {f"tiny/blobs/{m}/8@2" for m in small.methods}
    after = {(t.study, t.number): t.value for t in trials_in(folder)}
    assert before.items() <= after.items()


def test_a_study_that_differs_says_that_it_could_be_extended(tiny: StudySpec, study_folder: StudyFolder) -> None:
    run(opened(study_folder, tiny))
    with pytest.raises(UserError, match="or extend it by --extend"):
        study_folder.check(grown(tiny, trials=9), None)
    with pytest.raises(UserError) as raised:
        study_folder.check(grown(tiny, trials=9, seed=1), None)
    assert "--extend" not in str(raised.value)


def test_a_study_of_before_cannot_be_extended(tiny: StudySpec, study_folder: StudyFolder) -> None:
    ledger = opened(study_folder, tiny)
    job = ledger.begin(Task("search", searched(tiny)[0], 0))
    trial = ledger._open[job.task].trial
    trial.set_user_attr("task", {key: one for key, one in trial.user_attrs["task"].items() if key != "epochs"})
    ledger.finish(job.task, "complete", made_up(job), {})
    content = study_folder.spec.read_bytes()
    with pytest.raises(UserError, match="did not keep what an extension needs"):
        extend(study_folder, grown(tiny, trials=9), open_storage(str(study_folder.journal)), None)
    assert study_folder.spec.read_bytes() == content and not study_folder.amendments.exists()


def test_an_extension_cut_off_before_it_was_written_down_is_told_once(
    tiny: StudySpec, study_folder: StudyFolder
) -> None:
    run(opened(study_folder, tiny))
    before = study_folder.spec.read_bytes()
    extend(study_folder, grown(tiny, trials=9), open_storage(str(study_folder.journal)), None)
    study_folder.spec.write_bytes(before)
    run(opened(study_folder, grown(tiny, trials=6)))
    assert [one.changes for one in study_folder.read_amendments().amendments] == [["trials: 4 → 6"]]


def test_the_dry_run_tells_what_is_kept_and_touches_nothing(
    finished: StudyResult, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in finished.folder.path.rglob("*") if path.is_file()}
    arguments = [str(finished.folder.path), "--trials", "6", "--bits", "8", "16", "--extend", "--dry-run"]
    assert command.main(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "trials: 4 → 6" in said and "bits: [8] → [8, 16]" in said and "25 of 60 runs done" in said
    assert "6 test runs are of cells that are searched further" in said
    assert {path: path.read_bytes() for path in finished.folder.path.rglob("*") if path.is_file()} == before


def test_the_command_lets_a_study_grow(tiny: StudySpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = grown(tiny, sampler={"name": "random"}, trials=2, methods=["gcn"], baselines=["itq"])
    large = {"trials": 5, "replicates": 3, "methods": ["gcn", "none"]}
    paths = [tmp_path / name for name in ("small.yaml", "large.yaml")]
    for path, spec in zip(paths, (small, grown(small, **large)), strict=True):
        path.write_text(spec.to_yaml())
    with runs_here():
        assert command.main([str(paths[0]), "--runs-dir", str(tmp_path / "runs")]) == 0
        assert command.main([str(paths[1]), "--runs-dir", str(tmp_path / "runs")]) == 2
        assert command.main([str(paths[1]), "--runs-dir", str(tmp_path / "runs"), "--extend"]) == 0
        assert command.main([str(paths[1]), "--runs-dir", str(tmp_path / "whole")]) == 0
    ours, theirs = (load_study(tmp_path / name / "tiny") for name in ("runs", "whole"))
    pd.testing.assert_frame_equal(ours.records.drop(columns=WHEN), theirs.records.drop(columns=WHEN), check_exact=True)
    assert not verify(ours)
    capsys.readouterr()
    assert analyse(["explain", str(ours.folder.path), "blobs", "gcn", "8"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "after 6 test runs: methods:" in told and "epochs = 4 (the study's)" in told
    assert [one.changes[0] for one in ours.amendments] == ["methods: ['gcn'] → ['gcn', 'none']"]
