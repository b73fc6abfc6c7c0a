"""Reads ``records.csv`` and ``curves.csv`` as `study.record.export` wrote them, and refuses what it did not write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hasher.csv_text import restored
from hasher.errors import UserError
from hasher.files import open_regular
from hasher.methods.registry import find_method
from hasher.retrieval.metrics import SCORES
from study.plan.spec import StudySpec

#: Columns of text, among them some that could be taken for numbers (a data set named 2024, a commit).
_TEXT = ("dataset", "family", "method", "kind", "state", "scored_on", "started", "data_fingerprint", "host", "device",
         "versions", "commit", "optuna_study", "error", "note")  # fmt: skip
#: Columns that say which run a row is about, and what became of it: without a gap.
_IDENTITY = ("dataset", "method", "bits", "kind", "index", "state")
_WHOLE = ("bits", "index", "seed", "epoch", "optuna_trial")
#: Columns of numbers, in either of the files; hyperparameters and losses come to them.
_NUMBERS = (*_WHOLE, *(score.name for score in SCORES), "planned_epochs", "epochs", "chosen_epoch", "seconds",
            "device_seconds", "train_items", "database_items", "queries", "threads")  # fmt: skip


def read_table(path: Path, spec: StudySpec) -> pd.DataFrame:
    """Every digit kept, and no text such as NA or null taken for a gap; the study's objective as ``score`` beside.

    Raises `UserError` for what is no table, and for a value that is none of its column.
    """
    try:
        with open_regular(path) as file:
            table = pd.read_csv(
                file, dtype=dict.fromkeys([*_TEXT, *_hyperparameters(spec, str)], str), keep_default_na=False,
                na_values=[""], low_memory=False,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a table as run_study.py writes it ({' '.join(str(error).split())})") from None
    table = restored(table)
    _check(table, path, spec)
    return table.assign(score=table[spec.objective]) if spec.objective in table else table


def _hyperparameters(spec: StudySpec, kind: type | tuple[type, ...]) -> set[str]:
    """Those whose values are of a type, by their defaults."""
    defaults = [find_method(name).configure({}).model_dump() for name in spec.all_methods]
    return {key for values in defaults for key, value in values.items() if isinstance(value, kind)}


def _check(table: pd.DataFrame, path: Path, spec: StudySpec) -> None:
    sampled = {key for key, ranges in spec.space.items() if all(one.type != "categorical" for one in ranges)}
    losses = {str(column) for column in table if str(column).startswith("loss")}
    numbers = {*_NUMBERS, *_hyperparameters(spec, (int, float)), *sampled, *losses}
    for column in numbers - _hyperparameters(spec, (bool, str)):
        if column in table:
            wrong = _not_numbers(table[column], column in _WHOLE)
            _refuse(table[column], wrong, "a whole number" if column in _WHOLE else "a number", path)
    for column in _IDENTITY:
        if column in table:
            _refuse(table[column], table[column].isna(), "one in every row", path)
    if "superseded" in table:
        _refuse(table["superseded"], ~table["superseded"].isin([True, False]), "True or False", path)


def _not_numbers(values: pd.Series, whole: bool) -> pd.Series:
    found = pd.to_numeric(values, errors="coerce")
    wrong = (found.isna() & values.notna()) | np.isinf(found)
    return wrong | (found.notna() & (found % 1 != 0)) if whole else wrong


def _refuse(values: pd.Series, wrong: pd.Series, expected: str, path: Path) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise UserError(
            f"{path}: {values.name} is {str(values.iloc[row])[:40]!r} in row {row + 1}, expected {expected}: "
            f"`python run_study.py {path.parent}` writes the table anew"
        )
