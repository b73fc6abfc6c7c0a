"""Does everything a study shows follow from what was recorded? Recomputes it and lists what differs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from optuna.storages import BaseStorage

from analysis.against_manifest import against_manifest
from analysis.study_records import StudyRecords
from analysis.summary import tested_runs
from analysis.tables import render_tables
from hasher.errors import UserError
from hasher.files import read_regular
from hasher.retrieval.metrics import BY_QUERY, METRICS, REAL_VALUED, REAL_VALUED_ARRAY
from study.plan.finished import STATES, done
from study.plan.tasks import Cell, Task, all_tasks
from study.record.ledger import spec_digest
from study.record.manifest import read_manifest
from study.record.run_files import lost_runs
from study.record.sampling import open_storage
from study.record.stored import read_finished, read_outcomes, stored_digests, stored_trials, task_of

#: Means of the same numbers in another order differ by less.
_CLOSE = 1e-9
#: Curves are kept to six digits.
_CURVE_DIGITS = 2e-6


def verify(study: StudyRecords) -> list[str]:
    """One line for everything that does not agree; empty where all does.

    - every file against the manifest, where there is one that is closed;
    - records.csv and study.yaml against the journal that the study ran on, where it is kept in the study folder;
    - evaluations and models against the digests that the journal has of them;
    - records against the plan: states, seeds, no run twice, replicates configured as their cell's winner;
    - the score of every test run against its scores by query, and of every search trial against its curve;
    - every table file against the tables that the records give.

    Where a driver has the study, or was killed as it had it, what has changed since its records were written is left
    out.
    """
    return list(dict.fromkeys(_differences(study)))


def _differences(study: StudyRecords) -> Iterator[str]:
    manifest, stored = None, _Stored.nothing()
    try:
        manifest = read_manifest(study.folder)
    except UserError as error:
        yield _shortly(study, error)
    if manifest is not None:
        yield from against_manifest(study.folder, manifest)
    yield from _against_plan(study)
    try:
        stored = _Stored.read(study, is_open=manifest is not None and manifest.is_open)
    except UserError as error:
        yield _shortly(study, error)
    else:
        yield from _against_journal(study, stored)
    for dataset in study.datasets:
        for cell in study.cells(dataset):
            yield from _against_winner(study, cell)
            yield from _against_evaluations(study, cell, stored)
            yield from _against_curves(study, cell)
    if manifest is None or manifest.has_made:
        yield from _against_files(study)


def _shortly(study: StudyRecords, error: UserError | str) -> str:
    """A message that names a file, whose folder stands before every line."""
    return str(error).removeprefix(f"{study.folder.path}/")


@dataclass(frozen=True)
class _Stored:
    """What the journal has: digests of the study, all of the runs that count, and those that have moved on since
    records.csv was written. `is_open`: a driver has it, or was killed as it had it."""

    is_open: bool
    digests: set[str]
    outcomes: dict[Task, dict[str, Any]]
    params: dict[Task, dict[str, Any]]
    lost: dict[Task, str]
    moved: Collection[Task]

    @classmethod
    def nothing(cls) -> _Stored:
        return cls(False, set(), {}, {}, {}, ())

    @classmethod
    def read(cls, study: StudyRecords, is_open: bool) -> _Stored:
        """Raises `UserError` for a journal that is damaged."""
        spec, folder = study.spec, study.folder
        if not folder.journal.exists():  # a database, in which nobody can see what has moved on
            return replace(cls.nothing(), is_open=is_open, moved=all_tasks(spec) if is_open else ())
        storage = open_storage(str(folder.journal))
        finished, outcomes = read_finished(spec, storage), read_outcomes(spec, storage)
        # a search that has ended since may have found another winner, whose test runs are still to come
        counting = list(finished) if is_open else done(spec, finished, finished)
        return cls(
            is_open,
            stored_digests(spec, storage),
            {task: outcomes[task] for task in counting},
            {task: finished[task].params for task in counting},
            lost_runs(folder, spec, finished, counting),
            _moved(study, storage) if is_open else (),
        )


def _moved(study: StudyRecords, storage: BaseStorage) -> set[Task]:
    """Runs that have begun since records.csv was written."""
    recorded = {task: row.get("optuna_trial", -1) for task, row in _rows(study)}
    trials = ((task_of(trial), trial.number) for trial in stored_trials(study.spec, storage))
    return {task for task, number in trials if task is not None and not number <= recorded.get(task, -1)}


def _against_plan(study: StudyRecords) -> Iterator[str]:
    planned = {task: task.seed(study.spec.seed) for task in all_tasks(study.spec)}
    seen: set[Task] = set()
    for task, row in _rows(study):
        name = _name(task)
        if task not in planned:
            yield f"records.csv: {name} is not part of the study"
        elif row["seed"] != planned[task]:
            yield f"records.csv: {name} has seed {row['seed']}, the study gives it {planned[task]}"
        if task in seen:
            yield f"records.csv: {name} is there twice"
        if row["state"] not in STATES:
            yield f"records.csv: {name} has state {row['state']}, expected one of {', '.join(STATES)}"
        seen.add(task)


def _rows(study: StudyRecords) -> Iterator[tuple[Task, dict[Any, Any]]]:
    for row in study.records.to_dict("records"):
        yield Task(row["kind"], Cell(row["dataset"], row["method"], int(row["bits"])), int(row["index"])), row


def _name(task: Task) -> str:
    return f"{task.kind} {task.index} of {task.cell}"


def _against_journal(study: StudyRecords, stored: _Stored) -> Iterator[str]:
    if not study.folder.journal.exists():
        return
    former = {amendment.former for amendment in study.amendments} if stored.is_open else set()
    if not stored.digests <= {spec_digest(study.spec), *former}:
        yield "study.yaml: not the study that the runs in journal.log are of"
    recorded = dict(_rows(study))
    for task in recorded.keys() - stored.outcomes.keys() - set(stored.moved):
        yield f"records.csv: {_name(task)} is not in journal.log"
    for task, outcome in stored.outcomes.items():
        if task in stored.moved:
            continue
        row = recorded.get(task)
        if row is None:
            yield f"records.csv: {_name(task)} is missing, journal.log has it"
            continue
        for column, value in {**outcome, **stored.params[task]}.items():
            if column in row and not _equal(row[column], value):
                yield f"records.csv: {_name(task)} has {column} {row[column]}, in journal.log {value}"
        if task in stored.lost:
            yield _shortly(study, stored.lost[task])


def _equal(recorded: Any, expected: Any) -> bool:
    if expected is None or expected == "":  # a gap in the table
        return bool(pd.isna(recorded))
    if isinstance(recorded, float | int | np.number) and isinstance(expected, float | int | np.number):
        both_missing = math.isnan(recorded) and math.isnan(expected)
        return both_missing or math.isclose(recorded, expected, rel_tol=_CLOSE, abs_tol=_CLOSE)
    return recorded == expected


def _against_winner(study: StudyRecords, cell: Cell) -> Iterator[str]:
    if not study.spec.is_searched(cell.method):
        return
    replicates, found = study.runs("test", cell).to_dict("records"), study.winner(cell)
    if found is None:
        if replicates:
            yield f"records.csv: {cell} has test runs and no complete search trial that they could be of"
        return
    winner = found.to_dict()
    shared = [name for name in study.spec.hyperparameters if name in winner]
    for row in replicates:
        name = _name(Task("test", cell, int(row["index"])))
        for parameter in shared:
            ours, theirs = row[parameter], winner[parameter]
            if not pd.isna(ours) and not _equal(ours, theirs):  # a run that failed at once has no configuration
                yield f"records.csv: {name} has {parameter} {ours}, the winner (trial {winner['index']}) {theirs}"
        if row["state"] == "complete" and winner["chosen_epoch"] and not _equal(row["epochs"], winner["chosen_epoch"]):
            yield (
                f"records.csv: {name} has {row['epochs']:g} epochs, the winner (trial {winner['index']}) was best "
                f"after {winner['chosen_epoch']:g}"
            )


def _against_evaluations(study: StudyRecords, cell: Cell, stored: _Stored) -> Iterator[str]:
    """A test run's scores are means over its queries."""
    for row in tested_runs(study, cell).to_dict("records"):
        task = Task("test", cell, int(row["index"]))
        if row["state"] != "complete" or task in stored.moved:
            continue
        if all(pd.isna(row[name]) for name in METRICS):
            if pd.isna(row.get("note")):
                yield f"records.csv: {_name(task)} is complete and has neither a score nor a note"
            continue
        path = study.folder.evaluation(task).relative_to(study.folder.path)
        try:
            arrays = study.evaluation("test", cell, task.index)
        except UserError as error:
            yield _shortly(study, error)
            continue
        if arrays is None:
            yield f"{path}: missing, {_name(task)} is complete"
            continue
        recomputed = {"queries": len(arrays["query_index"])}
        by_query = {**{name: metric.array for name, metric in BY_QUERY.items()}, REAL_VALUED.name: REAL_VALUED_ARRAY}
        for name, array in by_query.items():
            if array in arrays:
                recomputed[name] = arrays[array].mean()
            elif pd.notna(row[name]):
                yield f"{path}: no scores by query that {name} {row[name]:.9g} could be the mean of"
        for name, value in recomputed.items():
            if name in row and not _equal(row[name], float(value)):
                yield f"{path}: {name} is {value:.9g}, in records.csv {row[name]:.9g}"


def _against_curves(study: StudyRecords, cell: Cell) -> Iterator[str]:
    """A search trial's score is its best epoch's."""
    curves = study.curve_rows("search", cell)
    best = {} if curves.empty else curves.groupby("index")["score"].max().to_dict()
    for row in study.runs("search", cell).to_dict("records"):
        if pd.isna(row["score"]) or pd.isna(row["epochs"]) or not row["epochs"]:
            continue
        name, score = _name(Task("search", cell, int(row["index"]))), best.get(row["index"], float("nan"))
        if math.isnan(score):
            yield f"curves.csv: {name} has a score and no curve"
        elif abs(score - row["score"]) > _CURVE_DIGITS:
            found = f"{name} has {study.spec.objective} {row['score']:.9g}"
            yield f"records.csv: {found}, the best of its curve is {score:.6g}"


def _against_files(study: StudyRecords) -> Iterator[str]:
    try:
        rendered = render_tables(study)
    except UserError as error:
        yield _shortly(study, error)
        return
    for path, content in rendered.items():
        shown = path.relative_to(study.folder.path)
        if not path.exists():
            yield f"{shown}: missing, `python -m analysis {study.folder.path}` writes it"
        elif (difference := _first_difference(path, content)) is not None:
            yield f"{shown}: {difference}"
    for path in study.folder.tables.glob("[!.]*"):
        if path not in rendered:
            yield f"{path.relative_to(study.folder.path)}: no table of this study"


def _first_difference(path: Path, content: str) -> str | None:
    """The first line that differs; line ends, which version control may change, do not count."""
    written = read_regular(path).decode(errors="replace")
    for number, (old, new) in enumerate(zip_longest(written.splitlines(), content.splitlines()), start=1):
        if old != new:
            shown = ["nothing" if line is None else repr(line) for line in (old, new)]
            return f"line {number} is {shown[0]}, the records give {shown[1]}"
    return None
