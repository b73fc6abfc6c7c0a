"""The journal against Optuna's own file backend: the same records in the same order, whoever else writes or reads."""

import json
import os
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Job, all_tasks
from study.record.journal import StudyJournal, batched
from study.record.ledger import Ledger


def records(path: Path) -> list[dict[str, Any]]:
    """What a journal says, less who wrote it and when."""
    parsed = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in one.items() if k != "worker_id" and not k.startswith("datetime")} for one in parsed]


def run_all(ledger: Ledger, plan: Plan) -> list[Job]:
    """Run a study in one slot, with made-up scores."""
    jobs = []
    while (task := plan.next_task()) is not None:
        job = ledger.begin(task)
        score = 0.5 - abs(getattr(job.config, "learning_rate", 0.01) - 0.01) + getattr(job.config, "knn_size", 0) / 100
        if task.kind == "search":
            ledger.report(task, 2, score / 2)
        ledger.finish(task, "complete", {"map": score, "chosen_epoch": 2}, {"epoch": [1, 2], "map": [0.1, score]})
        plan.ended(task)
        jobs.append(job)
    return jobs


def test_a_study_is_the_same_as_with_optunas_own_backend(tiny: StudySpec, tmp_path: Path) -> None:
    ours = Ledger(tiny, StudyJournal(tmp_path / "ours.log"))
    theirs = Ledger(tiny, JournalStorage(JournalFileBackend(str(tmp_path / "theirs.log"))))
    jobs = run_all(ours, Plan(tiny, ours.finished))
    assert jobs == run_all(theirs, Plan(tiny, theirs.finished)) and len(jobs) == len(all_tasks(tiny))
    assert records(tmp_path / "ours.log") == records(tmp_path / "theirs.log")
    reopened = Ledger(tiny, JournalStorage(JournalFileBackend(str(tmp_path / "ours.log"))))
    assert reopened.finished == ours.finished == Ledger(tiny, StudyJournal(tmp_path / "ours.log")).finished


def test_records_held_back_are_seen_here_and_by_others_only_in_the_end(tmp_path: Path) -> None:
    storage = StudyJournal(tmp_path / "journal.log")
    study = optuna.create_study(study_name="one", storage=storage)
    before = (tmp_path / "journal.log").read_bytes()
    with batched(storage):
        trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
        trial.set_user_attr("y", 1)
        assert study.trials[0].params == trial.params and (tmp_path / "journal.log").read_bytes() == before
    elsewhere = optuna.load_study(study_name="one", storage=StudyJournal(tmp_path / "journal.log"))
    assert elsewhere.trials == study.trials and elsewhere.trials[0].user_attrs == {"y": 1}


def test_two_that_write_in_turns_see_the_same(tmp_path: Path) -> None:
    """Such as optuna-dashboard, when somebody leaves a note there."""
    path = tmp_path / "journal.log"
    storages = [StudyJournal(path), JournalStorage(JournalFileBackend(str(path)))]
    studies = [optuna.create_study(study_name="one", storage=storages[0])]
    studies.append(optuna.load_study(study_name="one", storage=storages[1]))
    for number in range(6):
        writer, reader = studies[number % 2], studies[1 - number % 2]
        with batched(storages[number % 2]):
            trial = writer.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
            writer.tell(trial, number)
        assert reader.trials == writer.trials and reader.trials[-1].value == number
    assert optuna.load_study(study_name="one", storage=StudyJournal(path)).trials == studies[0].trials


def test_after_a_write_that_failed_none_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trials in memory have gone ahead of the file, which would number them otherwise."""
    path = tmp_path / "journal.log"
    storage = StudyJournal(path)
    study = optuna.create_study(study_name="one", storage=storage)
    before = path.read_bytes()
    with pytest.raises(OSError, match="no space"), batched(storage):
        study.ask()
        monkeypatch.setattr("pathlib.Path.open", _refuse)
    monkeypatch.undo()
    with pytest.raises(OSError, match="no space"):
        study.ask()
    assert path.read_bytes() == before and not os.path.lexists(f"{path}.lock")
    assert optuna.load_study(study_name="one", storage=StudyJournal(path)).trials == []


def _refuse(*arguments: Any, **keywords: Any) -> Any:
    raise OSError(28, "no space left on device")


def test_a_damaged_record_is_an_error_unless_it_is_the_last(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    optuna.create_study(study_name="one", storage=StudyJournal(path))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])  # being written
    assert optuna.get_all_study_names(StudyJournal(path)) == ["one"]
    path.write_bytes(whole + whole[:20] + b"\n" + whole)
    with pytest.raises(ValueError):
        StudyJournal(path)
