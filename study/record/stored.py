"""What an Optuna storage holds of a study: which trials there are, and how those that have ended did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from hasher.errors import UserError
from study.plan.finished import STATES, Finished, State
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, searched_cells
from study.record.generations import latest_generation


def study_names(spec: StudySpec) -> dict[Cell | str, str]:
    """Name of every Optuna study: one a searched cell, one a data set (by its name) for its test runs."""
    searches: dict[Cell | str, str] = {cell: f"{spec.name}/{cell}" for cell in searched_cells(spec)}
    return searches | {dataset.name: f"{spec.name}/{dataset.name}/test" for dataset in spec.datasets}


def is_known(spec: StudySpec, storage: BaseStorage) -> bool:
    """Whether a storage has anything of a study."""
    return not set(study_names(spec).values()).isdisjoint(optuna.get_all_study_names(storage))


def read_finished(spec: StudySpec, storage: BaseStorage) -> dict[Task, Finished]:
    """What a storage says has ended, without changing it."""
    finished = {}
    for trial in stored_trials(spec, storage):
        task = task_of(trial)
        if task is not None and has_ended(trial):
            finished[task] = finished_of(spec, trial.user_attrs["task"], trial.user_attrs["outcome"], trial.params)
    return finished


def read_outcomes(spec: StudySpec, storage: BaseStorage) -> dict[Task, dict[str, Any]]:
    """All that a storage has of the runs that have ended."""
    ended = ((task_of(trial), trial) for trial in stored_trials(spec, storage) if has_ended(trial))
    return {task: trial.user_attrs["outcome"] for task, trial in ended if task is not None}


def stored_digests(spec: StudySpec, storage: BaseStorage) -> set[str]:
    """What a storage says the study is that its runs are of (`study.record.ledger.spec_digest`)."""
    existing = set(optuna.get_all_study_names(storage))
    names = (latest_generation(name, existing) for name in study_names(spec).values() if name in existing)
    found = (optuna.load_study(study_name=name, storage=storage).user_attrs.get("spec") for name in names)
    return {digest for digest in found if digest is not None}


def stored_trials(spec: StudySpec, storage: BaseStorage) -> Iterator[FrozenTrial]:
    """Every trial that a storage has of a study, whatever became of it."""
    existing = set(optuna.get_all_study_names(storage))
    for name in study_names(spec).values():
        if name in existing:
            current = latest_generation(name, existing)
            yield from optuna.load_study(study_name=current, storage=storage).get_trials(deepcopy=False)


def task_of(trial: FrozenTrial) -> Task | None:
    """The task a stored trial stands for; None where the driver died between opening the trial and naming it."""
    stored = trial.user_attrs.get("task")
    if stored is None:
        return None
    try:
        return Task(stored["kind"], Cell(stored["dataset"], stored["method"], stored["bits"]), stored["index"])
    except (KeyError, TypeError):
        raise damaged("task", stored) from None


def has_ended(trial: FrozenTrial) -> bool:
    """Whether a stored trial ran to an end of its own; not so where its driver was stopped."""
    return trial.state.is_finished() and "outcome" in trial.user_attrs


def finished_of(
    spec: StudySpec, task: Mapping[str, Any], outcome: Mapping[str, Any], params: dict[str, Any]
) -> Finished:
    """What is stored of a task and its outcome, reduced to what planning needs. Raises `UserError` for an outcome that
    is none."""
    try:
        score, files = outcome.get(spec.objective), outcome.get("files")
        return Finished(
            state=_state(outcome["state"]),
            score=math.nan if score is None else float(score),
            chosen_epoch=int(outcome.get("chosen_epoch") or 0),
            seconds=float(outcome.get("seconds") or 0),
            device_seconds=float(outcome.get("device_seconds") or 0),
            params=params,
            planned_epochs=task.get("epochs"),
            winner=task.get("winner"),
            files=None if files is None else dict(files),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise damaged("outcome", outcome) from None


def _state(stored: Any) -> State:
    if stored not in STATES:
        raise ValueError(stored)
    return stored


def damaged(what: str, stored: object) -> UserError:
    """What to say of something stored that no run has left."""
    return UserError(
        f"storage: {str(stored)[:60]} is no {what} of a run as run_study.py stores it, restore the storage from a copy"
    )
