"""The ledger as files that need neither Ray nor Optuna to be read: ``records.csv`` and ``curves.csv``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from hasher.files import write_atomically
from study.plan.spec import TUNABLE
from study.record.ledger import Ledger, Run
from study.record.study_folder import StudyFolder

_IDENTITY = ["dataset", "method", "bits", "kind", "index", "state", "seed"]
_SCORES = ["scored_on", "map", "map_at_k", "map_released", "precision_at_radius_2", "map_real_valued"]
_COURSE = ["epochs", "chosen_epoch", "started", "seconds", "device_seconds"]
_DATA = ["train_items", "database_items", "queries", "data_fingerprint"]
_ORIGIN = ["host", "device", "threads", "versions", "commit", "optuna_study", "optuna_trial", "error", "note"]
#: Every column of records.csv, in order.
RECORD_COLUMNS = [*_IDENTITY, *_SCORES, *_COURSE, *TUNABLE, *_DATA, *_ORIGIN]


def export(ledger: Ledger, run: StudyFolder) -> pd.DataFrame:
    """Write both files from the ledger, whole or not at all; returns the records."""
    runs = list(ledger.runs())
    records = pd.DataFrame([_record(one) for one in runs], columns=RECORD_COLUMNS)
    curves = _curves(runs)
    write_atomically(run.records, records.to_csv(index=False))
    if len(curves):
        write_atomically(run.curves, curves.to_csv(index=False))
    return records


def _identity(run: Run) -> dict[str, Any]:
    cell = run.task.cell
    return {"dataset": cell.dataset, "method": cell.method, "bits": cell.bits, "kind": run.task.kind,
            "index": run.task.index, "state": run.state}  # fmt: skip


def _record(run: Run) -> dict[str, Any]:
    return {**run.outcome, **_identity(run)}


def _curves(runs: list[Run]) -> pd.DataFrame:
    """Every epoch of every run, a row each; built a column at a time, since a row each would cost a large study more
    memory than all else."""
    columns: dict[str, list[Any]] = {}
    rows = 0
    for run in runs:
        epochs = len(next(iter(run.curve.values()), []))
        for name, values in {**{name: [value] * epochs for name, value in _identity(run).items()}, **run.curve}.items():
            column = columns.setdefault(name, [])
            column += [None] * (rows - len(column))
            column += values
        rows += epochs
    return pd.DataFrame({name: column + [None] * (rows - len(column)) for name, column in columns.items()})
