"""The ledger as files that need neither Ray nor Optuna to be read: ``records.csv`` and ``curves.csv``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from hasher.csv_text import frame_to_csv
from hasher.files import write_atomically
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from hasher.retrieval.metrics import SCORES
from study.plan.spec import StudySpec
from study.record.ledger import Ledger, Run
from study.record.study_folder import StudyFolder

_IDENTITY = ["dataset", "family", "method", "bits", "kind", "index", "state", "superseded", "seed"]
_SCORES = ["scored_on", *(score.name for score in SCORES)]
_COURSE = ["planned_epochs", "epochs", "chosen_epoch", "started", "seconds", "device_seconds"]
_DATA = ["train_items", "database_items", "queries", "data_fingerprint"]
_ORIGIN = ["host", "device", "threads", "together", "versions", "commit", "optuna_study", "optuna_trial", "error",
           "note"]  # fmt: skip
#: The family of what is no method, but a ranking by the float vectors.
REFERENCE_FAMILY = "Float vectors"


def record_columns(spec: StudySpec) -> list[str]:
    """Every column of records.csv, in order."""
    return [*_IDENTITY, *_SCORES, *_COURSE, *spec.hyperparameters, *_DATA, *_ORIGIN]


def family_of(method: str) -> str:
    """What tables group a method or reference under."""
    return REFERENCE_FAMILY if method in REFERENCES else find_method(method).family


def export(ledger: Ledger, folder: StudyFolder) -> pd.DataFrame:
    """Write both files from the ledger, whole or not at all; returns the records.

    Curves first: a kill in between leaves curves without records, and no record without its curve.
    """
    runs = list(ledger.runs())
    records = pd.DataFrame([_record(one) for one in runs], columns=record_columns(ledger.spec))
    curves = _curves(runs)
    if len(curves):
        write_atomically(folder.curves, frame_to_csv(curves))
    write_atomically(folder.records, frame_to_csv(records))
    return records


def _identity(run: Run) -> dict[str, Any]:
    cell = run.task.cell
    return {
        "dataset": cell.dataset, "family": family_of(cell.method), "method": cell.method, "bits": cell.bits,
        "kind": run.task.kind, "index": run.task.index, "state": run.state,
    }  # fmt: skip


def _record(run: Run) -> dict[str, Any]:
    return {**run.outcome, **_identity(run), "superseded": run.superseded}


def _curves(runs: list[Run]) -> pd.DataFrame:
    """Every epoch of every run, a row each; built a column at a time, since a row each would cost a large study more
    memory than all else."""
    columns: dict[str, list[Any]] = {}
    rows = 0
    for run in (run for run in runs if not run.superseded):
        epochs = len(next(iter(run.curve.values()), []))
        for name, values in {**{name: [value] * epochs for name, value in _identity(run).items()}, **run.curve}.items():
            column = columns.setdefault(name, [])
            column += [None] * (rows - len(column))
            column += values
        rows += epochs
    return pd.DataFrame({name: column + [None] * (rows - len(column)) for name, column in columns.items()})
