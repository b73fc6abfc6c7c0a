"""Two studies side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from analysis.data import recorded_fingerprints
from analysis.names import dataset_label, in_order, label
from analysis.per_query import PerQuery, difference
from analysis.results import DatasetResults, results_of
from analysis.statistics.column import FEWEST, TOO_FEW
from analysis.statistics.paired import PairedTest, holm, paired_test
from analysis.study_records import StudyRecords
from analysis.tables.formats import to_terminal
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, number, p_value, with_spread
from analysis.wording import listed
from hasher.errors import UserError
from study.plan.spec import differences
from study.plan.tasks import Cell


def compare(first: StudyRecords, second: StudyRecords) -> RenderableType:
    """How the specs differ, and a table for every data set that both have.

    Raises `UserError` where they have none in common.
    """
    common = [dataset for dataset in first.datasets if dataset in second.datasets]
    if not common:
        raise UserError(
            f"{first.folder.path} and {second.folder.path}: no data set in common "
            f"({', '.join(first.datasets)}; {', '.join(second.datasets)})"
        )
    changed = differences(first.spec, second.spec)
    parts: list[RenderableType] = [
        Text(f"A: {first.folder.path}"), Text(f"B: {second.folder.path}"), Text(),
        Text("Differences of the specs, A → B:" if changed else "The specs are the same."),
        *(Text(f"  {line}") for line in changed),
    ]  # fmt: skip
    for dataset in common:
        parts += [Text(), to_terminal(comparison_table(results_of(first, dataset), results_of(second, dataset)))]
    return Group(*parts)


def comparison_table(first: DatasetResults, second: DatasetResults) -> Table:
    """The score of both studies and B minus A for every cell that both have one of, tested where that can be.

    Scores of two kinds are shown beside each other, without a difference. Cells with one score or none are named below.
    """
    methods = in_order([cell.method for results in (first, second) for cell in results.cells])
    bits = sorted({*first.bits, *second.bits})
    cells = list(dict.fromkeys(first.cell(method, length) for method in methods for length in bits))
    absent = {name: [cell for cell in cells if np.isnan(_summary(results, cell)[0])]
              for name, results in (("A", first), ("B", second))}  # fmt: skip
    cells = [cell for cell in cells if not any(cell in missing for missing in absent.values())]
    untestable = _untestable(first, second)
    tests = {cell: untestable or _test(first.scores(cell), second.scores(cell)) for cell in cells}
    tested = [cell for cell in cells if isinstance(tests[cell], PairedTest)]
    adjusted = dict(zip(tested, holm([tests[cell].p_value for cell in tested]), strict=True))  # type: ignore[union-attr]
    rows = [_row(first, second, cell, tests[cell], adjusted.get(cell)) for cell in cells]
    columns = [
        METHOD, BITS, Column("score_a", f"A, {first.metric}"), Column("score_b", f"B, {second.metric}"),
        Column("difference", "B minus A"),
        Column("low", "95% low"), Column("high", "95% high"), Column("p_holm", "p, Holm"),
        Column("note", "Note", "left"),
    ]  # fmt: skip
    notes = [
        "Tests are paired by query, and by seed where both studies used the same seeds; difference and interval are "
        "then of these seeds alone, the scores of all. Holm's correction is over all "
        f"rows that are tested. Two differ at the 5% level where p is below 0.05. A claim needs {FEWEST} replicates."
    ]
    if untestable:
        notes.append(f"Nothing was tested: {untestable}.")
    notes += [f"No score in {name}, so not shown: {_listed(missing)}." for name, missing in absent.items() if missing]
    starts = method_starts(cells)
    return Table("comparison", f"{dataset_label(first.dataset)}: B against A", columns, rows, notes, starts)


def _listed(cells: Sequence[Cell]) -> str:
    """``GCN at 16 and 32 bits; Float cosine``."""
    lengths: dict[str, list[str]] = {}
    for cell in cells:
        lengths.setdefault(label(cell.method), []).extend([str(cell.bits)] if cell.bits else [])
    return "; ".join(f"{name} at {listed(bits)} bits" if bits else name for name, bits in lengths.items())


def _untestable(first: DatasetResults, second: DatasetResults) -> str:
    """Why no cell of the data set can be tested; empty where some may be."""
    if first.metric != second.metric:
        return f"A is scored by {first.metric}, B by {second.metric}"
    ours, theirs = (set(recorded_fingerprints(results.study, results.dataset)) for results in (first, second))
    return "the data are not the same (their fingerprints differ)" if ours and theirs and ours != theirs else ""


def _test(first: PerQuery | None, second: PerQuery | None) -> PairedTest | str:
    """B minus A, or why it cannot be tested."""
    if first is None or second is None:
        return ""
    both = difference(second, first)
    if both is None:
        return "not tested on the same queries"
    if first.fixed:
        return "" if np.allclose(both, 0) else "differs, though nothing in it is random"
    return paired_test(both) if len(both) >= FEWEST and both.shape[1] > 1 else TOO_FEW


def _row(
    first: DatasetResults, second: DatasetResults, cell: Cell, test: PairedTest | str, adjusted: float | None
) -> list[Entry]:
    summaries = [_summary(results, cell) for results in (first, second)]
    means = [mean for mean, _ in summaries]
    row = [method_entry(cell.method), bits_entry(cell), *(with_spread(*summary) for summary in summaries)]
    if not isinstance(test, str):  # of the seeds that both have, like its interval
        row.append(number(test.difference, signed="+"))
    else:
        row.append(number(means[1] - means[0] if first.metric == second.metric else None, signed="+"))
    if isinstance(test, str):
        return [*row, Entry(MISSING), Entry(MISSING), Entry(MISSING), Entry(test)]
    low, high = (number(value, signed="+") for value in (test.interval.low, test.interval.high))
    return [*row, low, high, Entry(MISSING if adjusted is None else p_value(adjusted)), Entry("")]


def _summary(results: DatasetResults, cell: Cell) -> tuple[float, float]:
    """Mean and deviation; NaN where the study does not have the cell."""
    if cell not in results.cells:
        return float("nan"), float("nan")
    row = results.summary(cell)
    return float(row["score_mean"]), float(row["score_sd"])
