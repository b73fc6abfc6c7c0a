"""Does everything a study shows follow from what was recorded? Recomputes it and lists what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.study_records import StudyRecords
from analysis.summary import tested_runs
from analysis.tables import render_tables
from hasher.errors import UserError
from hasher.retrieval.metrics import BY_QUERY, METRICS, REAL_VALUED, REAL_VALUED_ARRAY
from study.plan.finished import STATES, done
from study.plan.tasks import Cell, Task, all_tasks
from study.record.sampling import open_storage
from study.record.stored import read_finished

#: Means of the same numbers in another order differ by less.
_CLOSE = 1e-9
#: Curves are kept to six digits.
_CURVE_DIGITS = 2e-6


def verify(study: StudyRecords) -> list[str]:
    """One line for everything that does not agree; empty where all does.

    - records.csv against the journal that the study ran on, where it is kept in the study folder;
    - records against the plan: states, seeds, no run twice, replicates configured as their cell's winner;
    - the score of every test run against its scores by query, and of every search trial against its curve;
    - every table file against the tables that the records give.
    """
    found = [*_against_plan(study), *_against_journal(study)]
    for dataset in study.datasets:
        for cell in study.cells(dataset):
            found += [*_against_winner(study, cell), *_against_evaluations(study, cell), *_against_curves(study, cell)]
    return [*found, *_against_files(study)]


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


def _against_journal(study: StudyRecords) -> Iterator[str]:
    if not study.folder.journal.exists():
        return
    kept = read_finished(study.spec, open_storage(str(study.folder.journal)))
    recorded = dict(_rows(study))
    for task in recorded.keys() - kept.keys():
        yield f"records.csv: {_name(task)} is not in journal.log"
    for task in done(study.spec, kept, kept):
        ended = kept[task]
        row = recorded.get(task)
        if row is None:
            yield f"records.csv: {_name(task)} is missing, journal.log has it"
            continue
        for column, value in {"state": ended.state, study.spec.objective: ended.score, **ended.params}.items():
            if not _equal(row.get(column), value):
                yield f"records.csv: {_name(task)} has {column} {row.get(column)}, in journal.log {value}"


def _equal(recorded: object, expected: object) -> bool:
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


def _against_evaluations(study: StudyRecords, cell: Cell) -> Iterator[str]:
    """A test run's scores are means over its queries."""
    for row in tested_runs(study, cell).to_dict("records"):
        task = Task("test", cell, int(row["index"]))
        if row["state"] != "complete":
            continue
        if all(pd.isna(row[name]) for name in METRICS):
            if pd.isna(row.get("note")):
                yield f"records.csv: {_name(task)} is complete and has neither a score nor a note"
            continue
        path = study.folder.evaluation(task).relative_to(study.folder.path)
        arrays = study.evaluation("test", cell, task.index)
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
        yield str(error)
        return
    for path, content in rendered.items():
        shown = path.relative_to(study.folder.path)
        if not path.exists():
            yield f"{shown}: missing, `python -m analysis {study.folder.path}` writes it"
        elif (difference := _first_difference(path, content)) is not None:
            yield f"{shown}: {difference}"


def _first_difference(path: Path, content: str) -> str | None:
    """The first line that differs; line ends, which version control may change, do not count."""
    written = path.read_text(encoding="utf-8", errors="replace")
    for number, (old, new) in enumerate(zip_longest(written.splitlines(), content.splitlines()), start=1):
        if old != new:
            shown = ["nothing" if line is None else repr(line) for line in (old, new)]
            return f"line {number} is {shown[0]}, the records give {shown[1]}"
    return None
