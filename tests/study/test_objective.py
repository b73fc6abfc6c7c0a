"""The objective decides what a study searches, prunes and chooses by, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from hasher.retrieval.metrics import METRICS
from study.drive.lost_workers import LostWorkers
from study.drive.recorder import Recorder
from study.plan.finished import winner
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Task, searched_cells
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.work.runs import Step

#: map and map_at_k of four trials, in which they disagree about the best.
SCORES = [(0.2, 0.6), (0.5, 0.3), (0.4, 0.8), (0.3, 0.1)]


def searched(spec: StudySpec, path: Path) -> tuple[Ledger, list[Any]]:
    """A cell's search with these scores, and the configurations that were tried."""
    ledger, tried = Ledger(spec, open_storage(str(path))), []
    cell = searched_cells(spec)[0]
    for index, (whole, at_k) in enumerate(SCORES):
        job = ledger.begin(Task("search", cell, index))
        tried.append(job.config)
        outcome = {"map": whole, "map_at_k": at_k, "precision_at_radius_2": 0.5, "chosen_epoch": 2}
        ledger.report(job.task, 2, outcome[spec.objective])
        ledger.finish(job.task, "complete", outcome, {"epoch": [1, 2]})
    return ledger, tried


@pytest.mark.parametrize(("objective", "best"), [("map", 1), ("map_at_k", 2)])
def test_the_winner_and_what_optuna_learns_from_are_its(
    tiny: StudySpec, tmp_path: Path, objective: str, best: int
) -> None:
    spec = tiny.model_copy(update={"objective": objective})
    path = tmp_path / "journal.log"
    ledger, tried = searched(spec, path)
    cell = searched_cells(spec)[0]
    found = winner(spec, ledger.finished, cell)
    place = ("map", "map_at_k").index(objective)
    assert found is ledger.finished[Task("search", cell, best)] and found.score == SCORES[best][place]
    replicate = ledger.begin(Task("test", cell, 0)).config
    assert replicate == tried[best].model_copy(update={"stop_after": 2})
    stored = optuna.load_study(study_name=f"{spec.name}/{cell}", storage=open_storage(str(path)))
    assert [trial.value for trial in stored.trials] == [scores[place] for scores in SCORES]
    for run, (whole, at_k) in zip(ledger.runs(), SCORES, strict=False):  # all scores are recorded in either case
        assert (run.outcome["map"], run.outcome["map_at_k"]) == (whole, at_k)


def test_the_pruner_compares_its_scores(tiny: StudySpec, tmp_path: Path) -> None:
    """The median of the complete trials is 0.45 in map_at_k and 0.35 in map: 0.4 is behind in the one alone."""
    decisions = {}
    for objective in ("map", "map_at_k"):
        spec = tiny.model_copy(update={"objective": objective, "trials": 5})
        ledger, _ = searched(spec, tmp_path / objective)
        job = ledger.begin(Task("search", searched_cells(spec)[0], 4))
        assert job.objective == objective
        decisions[objective] = ledger.report(job.task, 2, 0.4)
    assert decisions == {"map": False, "map_at_k": True}


@pytest.mark.parametrize("objective", METRICS)
def test_a_step_is_reported_by_it(tiny: StudySpec, tmp_path: Path, objective: str) -> None:
    """From a worker's step by the recorder to Optuna: the epoch's value of the objective, under its own name."""
    spec = tiny.model_copy(update={"objective": objective})
    storage = open_storage(str(tmp_path / "journal.log"))
    ledger = Ledger(spec, storage)
    recorder = Recorder(ledger, Plan(spec, ledger.finished), StudyFolder(tmp_path), LostWorkers(lambda: 0), {})
    (job,) = recorder.start("a")
    assert job.task.kind == "search"
    assert not recorder.should_stop("a", [Step("running", {}, [{"epoch": 2, objective: 0.25}])])
    (trial,) = optuna.load_study(study_name=f"{spec.name}/{job.task.cell}", storage=storage).trials
    assert trial.intermediate_values == {2: 0.25}


@pytest.mark.parametrize("name", ["map_released", "map_real_valued", "mAP", "speed"])
def test_what_cannot_be_searched_for_is_refused(tiny: StudySpec, name: str) -> None:
    known = "map, map_at_k, precision_at_radius_2, ndcg, ndcg_at_k"
    with pytest.raises(ValueError, match=f"(?s)objective.*{known}, not for '{name}'"):
        StudySpec.model_validate({**tiny.model_dump(), "objective": name})
