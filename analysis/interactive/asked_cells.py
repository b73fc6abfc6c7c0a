"""What `python -m analysis explain` prints of every cell: its trials, ranked, with their curves, and its test runs."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import pandas as pd

from analysis.explain import constants, score_in_words, selection_in_words, tests_table, trials_table
from analysis.interactive.rounding import rounded
from analysis.names import full_label
from analysis.results import DatasetResults
from analysis.study_records import StudyRecords
from analysis.tables.table import Table
from study.plan.tasks import NO_BITS, Cell

#: Epochs of a curve that are kept; of a longer one every so-manieth, and the last.
MOST_EPOCHS = 40


def asked_cells(results: DatasetResults) -> list[dict[str, Any]]:
    """An entry for each cell of the main table, in the order of its rows."""
    return [_cell(results, cell) for cell in results.compared_cells]


def _cell(results: DatasetResults, cell: Cell) -> dict[str, Any]:
    study = results.study
    bits = cell.bits if cell.bits != NO_BITS else results.bits[0]
    words = ["python", "-m", "analysis", "explain", str(study.folder.path), cell.dataset, cell.method, str(bits)]
    found: dict[str, Any] = {
        "method": cell.method, "bits": cell.bits, "title": full_label(cell.method),
        "said": score_in_words(study, cell), "tests": _listing(tests_table(study, cell)), "command": shlex.join(words),
    }  # fmt: skip
    if study.spec.is_searched(cell.method):
        ranked = _ranked(study, cell)
        found |= {
            "said": [*found["said"], *selection_in_words(study, cell)],
            "trials": _listing(trials_table(study, cell, ranked)),
            "constants": constants(study, cell),
            "curves": _curves(study.curve_rows("search", cell), list(ranked["index"])),
        }
    return found


def _ranked(study: StudyRecords, cell: Cell) -> pd.DataFrame:
    """The trials of a cell: complete ones from the best, the earlier of equals first, then the others in order."""
    trials = study.runs("search", cell)
    place = trials["score"].where(trials["state"] == "complete").rank(ascending=False, method="first")
    return trials.assign(_place=place).sort_values(["_place", "index"], kind="stable").drop(columns="_place")


def _listing(table: Table) -> dict[str, Any]:
    """A table as its headings and the text of its entries; columns without any are left out."""
    rows = [[entry.text for entry in row] for row in table.rows]
    kept = [place for place, _ in enumerate(table.columns) if any(row[place] for row in rows)]
    return {
        "title": table.title,
        "columns": [table.columns[place].heading for place in kept],
        "numbers": [int(table.columns[place].align == "right") for place in kept],
        "rows": [[row[place] for place in kept] for row in rows],
    }


def _curves(rows: pd.DataFrame, trials: list[int]) -> list[list[list[float | int | None]] | None]:
    """Epochs, validation scores and losses of each trial; None of one without epochs."""
    by_trial = dict(iter(rows.groupby("index"))) if len(rows) else {}
    return [_curve(by_trial[index]) if index in by_trial else None for index in trials]


def _curve(epochs: pd.DataFrame) -> list[list[float | int | None]]:
    step = -(-len(epochs) // MOST_EPOCHS)
    kept = np.unique([*range(0, len(epochs), step), len(epochs) - 1])
    names = [name for name in ("epoch", "score", "loss") if name in epochs]
    return [[rounded(value) for value in epochs[name].to_numpy(float)[kept]] for name in names]
