"""The ledger against a real Optuna storage: what survives a driver, and what a resumed study samples."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from hasher.errors import UserError
from study.plan.finished import winner
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Job, Task, all_tasks, cells
from study.record.ledger import Ledger, spec_digest
from study.record.sampling import open_storage
from study.record.stored import read_finished


def score_of(job: Job) -> float:
    """A made-up validation score: best at a learning rate of 0.01 and many neighbours."""
    assert job.config is not None
    return 0.5 - abs(job.config.learning_rate - 0.01) + job.config.knn_size / 100


def finish(ledger: Ledger, job: Job, **outcome: Any) -> None:
    ledger.finish(job.task, "complete", {"map": score_of(job), "chosen_epoch": 2, **outcome}, {"epoch": [1, 2]})


def run_searches(ledger: Ledger, plan: Plan, count: int) -> list[Job]:
    jobs: list[Job] = []
    while len(jobs) < count and (task := plan.next_task()) is not None:
        if task.kind != "search":
            continue
        job = ledger.begin(task)
        finish(ledger, job)
        plan.ended(task)
        jobs.append(job)
    return jobs


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "journal.log")


def test_a_reopened_ledger_knows_what_ended(tiny: StudySpec, journal: str) -> None:
    first = Ledger(tiny, open_storage(journal))
    run_searches(first, Plan(tiny, first.finished), 7)
    again = Ledger(tiny, open_storage(journal))
    assert again.finished == first.finished and len(again.finished) == 7
    assert read_finished(tiny, open_storage(journal)) == first.finished


@pytest.mark.parametrize("interrupt_after", [0, 2, 5])
def test_interruption_changes_nothing_that_is_sampled(tiny: StudySpec, tmp_path: Path, interrupt_after: int) -> None:
    """A driver that dies between two runs, with a run open, and one that does not, sample the same configurations."""
    undisturbed = Ledger(tiny, open_storage(str(tmp_path / "a.log")))
    expected = {job.task: job for job in run_searches(undisturbed, Plan(tiny, undisturbed.finished), 12)}

    killed = Ledger(tiny, open_storage(str(tmp_path / "b.log")))
    plan = Plan(tiny, killed.finished)
    found = run_searches(killed, plan, interrupt_after)
    task = plan.next_task()
    assert task is not None
    lost = killed.begin(task)  # and no word of it ever again

    resumed = Ledger(tiny, open_storage(str(tmp_path / "b.log")))
    assert lost.task not in resumed.finished
    found += run_searches(resumed, Plan(tiny, resumed.finished), 12)
    assert {job.task: job for job in found} == expected and len(found) == 12


def test_nothing_is_left_running_and_interrupted_runs_do_not_count(tiny: StudySpec, journal: str) -> None:
    ledger = Ledger(tiny, open_storage(journal))
    for task in all_tasks(tiny)[:2]:
        ledger.begin(task)
    assert ledger.abandon_open() == 2 and ledger.abandon_open() == 0
    Ledger(tiny, open_storage(journal)).begin(all_tasks(tiny)[0])
    reopened = Ledger(tiny, open_storage(journal))
    trials = [trial for study in optuna.get_all_study_names(open_storage(journal))
              for trial in optuna.load_study(study_name=study, storage=open_storage(journal)).trials]  # fmt: skip
    assert {trial.state for trial in trials} == {TrialState.FAIL} and not reopened.finished
    assert not list(reopened.runs())


@pytest.mark.parametrize("state", ["complete", "pruned", "diverged", "failed"])
def test_a_run_whose_outcome_was_stored_has_ended_though_optuna_was_not_told(
    tiny: StudySpec, journal: str, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    """The driver dies between the two: the run is neither repeated nor counted twice, however often it is opened."""
    ledger = Ledger(tiny, open_storage(journal))
    job = ledger.begin(all_tasks(tiny)[0])
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", lambda *arguments, **keywords: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ledger.finish(job.task, state, {"map": 0.5, "chosen_epoch": 1}, {})
    for _ in range(2):
        reopened = Ledger(tiny, open_storage(journal))
        assert [(run.task, run.state) for run in reopened.runs()] == [(job.task, state)]
        assert list(reopened.finished) == [job.task]


def test_a_configuration_enqueued_by_a_dead_driver_does_not_reach_another_trial(tiny: StudySpec, journal: str) -> None:
    spec = StudySpec.model_validate(tiny.model_dump() | {"first_trials": [{"learning_rate": 0.02}]})
    Ledger(spec, open_storage(journal))
    study = optuna.load_study(study_name="tiny/blobs/none/8", storage=open_storage(journal))
    study.enqueue_trial({"learning_rate": 0.02})  # and no word of the driver ever again
    ledger = Ledger(spec, open_storage(journal))
    jobs = [job for job in run_searches(ledger, Plan(spec, ledger.finished), 12) if job.task.cell.method == "none"]
    assert [job.config.learning_rate == 0.02 for job in jobs if job.config] == [True, False, False, False]


def test_a_replicate_takes_the_winners_configuration_and_epochs(tiny: StudySpec, journal: str) -> None:
    ledger = Ledger(tiny, open_storage(journal))
    cell = cells(tiny)[2]
    jobs = []
    for index in range(4):
        jobs.append(ledger.begin(Task("search", cell, index)))
        ledger.finish(jobs[-1].task, "complete", {"map": [0.1, 0.9, 0.3, 0.2][index], "chosen_epoch": index + 1}, {})
    replicate = ledger.begin(Task("test", cell, 1))
    assert jobs[1].config is not None
    assert replicate.config == jobs[1].config.model_copy(update={"stop_after": 2})
    assert replicate.seed not in [job.seed for job in jobs]


def test_states_are_stored_as_they_are(tiny: StudySpec, journal: str) -> None:
    ledger = Ledger(tiny, open_storage(journal))
    cell = cells(tiny)[0]
    for index, state in enumerate(("complete", "pruned", "diverged", "failed")):
        job = ledger.begin(Task("search", cell, index))
        ledger.report(job.task, 1, 0.5)
        ledger.finish(job.task, state, {"map": None if state == "failed" else 0.5, "chosen_epoch": 1}, {})  # type: ignore[arg-type]
    stored = optuna.load_study(study_name="tiny/blobs/none/8", storage=open_storage(journal)).trials
    assert [trial.state.name for trial in stored] == ["COMPLETE", "PRUNED", "FAIL", "FAIL"]
    assert [run.state for run in ledger.runs()] == ["complete", "pruned", "diverged", "failed"]
    assert winner(tiny, ledger.finished, cell) == ledger.finished[Task("search", cell, 0)]


def test_another_study_of_the_same_name_in_the_storage_is_refused(tiny: StudySpec, journal: str) -> None:
    Ledger(tiny, open_storage(journal))
    with pytest.raises(UserError, match="another study named tiny/"):
        Ledger(tiny.model_copy(update={"epochs": 5}), open_storage(journal))


def test_a_study_of_before_later_keys_came_is_the_same_study() -> None:
    """The digest was taken by the version that had no `max_training` and no `unseen_classes`."""
    spec = StudySpec.model_validate(
        {"name": "kept", "datasets": ["digits"], "methods": ["gcn"], "bits": [16], "trials": 3, "epochs": 2}
    )
    assert spec_digest(spec) == "6b68dda985fab748"
    other = spec.datasets[0].model_copy(update={"max_training": 100})
    assert spec_digest(spec.model_copy(update={"datasets": [other]})) != spec_digest(spec)


def test_a_study_of_the_opposite_direction_is_refused(tiny: StudySpec, journal: str) -> None:
    optuna.create_study(study_name="tiny/blobs/none/8", storage=open_storage(journal), direction="minimize")
    with pytest.raises(UserError, match="another study named tiny/blobs/none/8"):
        Ledger(tiny, open_storage(journal))


def test_a_database_serves_as_storage(tiny: StudySpec, url: str) -> None:
    ledger = Ledger(tiny, open_storage(url))
    run_searches(ledger, Plan(tiny, ledger.finished), 3)
    assert Ledger(tiny, open_storage(url)).finished == ledger.finished


def test_a_grid_visits_every_point_as_often_as_asked(tiny: StudySpec, journal: str) -> None:
    space = {
        "filter_order": {"type": "int", "low": 1, "high": 3},
        "alpha": {"type": "categorical", "choices": [1.0, 2.0]},
    }
    grid = {"trials": None, "sampler": {"name": "grid", "repeats": 2}, "methods": ["chebyshev"], "space": space}
    values = tiny.model_dump() | grid
    spec = StudySpec.model_validate(values)
    ledger = Ledger(spec, open_storage(journal))
    jobs = run_searches(ledger, Plan(spec, ledger.finished), 99)
    points = [(job.config.filter_order, job.config.alpha) for job in jobs if job.config]
    assert sorted(points) == sorted([(order, alpha) for order in (1, 2, 3) for alpha in (1.0, 2.0)] * 2)
    assert len({job.seed for job in jobs}) == len(jobs)


def test_first_trials_come_first_and_leave_the_rest_to_the_sampler(tiny: StudySpec, journal: str) -> None:
    spec = StudySpec.model_validate(tiny.model_dump() | {"first_trials": [{"learning_rate": 0.02, "filter_order": 2}]})
    ledger = Ledger(spec, open_storage(journal))
    jobs = run_searches(ledger, Plan(spec, ledger.finished), 6)
    for job in jobs:
        assert job.config is not None
        assert (job.config.learning_rate == 0.02) == (job.task.index == 0)
    assert [job.config.filter_order for job in jobs[:3] if job.config] == [None, None, 2]
