"""The main table, methods by code length, and what each of its cells rests on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from analysis.claims.families import answer, how
from analysis.claims.graph import worth_of_a_graph
from analysis.names import dataset_label, family_starts, full_label
from analysis.per_query import is_fixed
from analysis.results import DatasetResults
from analysis.rivals import by_validation, has_rivals
from analysis.splits import split_in_words
from analysis.statistics.column import FEWEST, TOO_FEW
from analysis.summary import count_headings
from analysis.tables.table import MISSING, Column, Entry, Mark, Table, count, with_spread
from analysis.wording import listed
from study.plan.tasks import Cell
from study.record.export import family_of

METHOD = Column("method", "Method", "left")
BITS = Column("bits", "Bits")


def bits_entry(cell: Cell) -> Entry:
    """A row's length; a reference has any."""
    return count(cell.bits) if cell.bits else Entry("any")


def method_starts(cells: Sequence[Cell]) -> frozenset[int]:
    """Rows at which another method begins, in a table of one row a cell."""
    return frozenset(place for place, cell in enumerate(cells) if place == 0 or cell.method != cells[place - 1].method)


def method_entry(method: str) -> Entry:
    """A row's first entry: the name in the records for the CSV file, the label for readers."""
    return Entry(full_label(method), method)


def main_table(results: DatasetResults) -> Table:
    """Mean ± standard deviation of the test score over replicates; the best of each column and its ties are marked."""
    columns = [METHOD, *(Column(str(bits), f"{bits} bits") for bits in results.bits)]
    rows = [
        [method_entry(method), *(_score(results, results.cell(method, bits), bits) for bits in results.bits)]
        for method in results.compared
    ]
    title = f"{dataset_label(results.dataset)}: {results.metric} by method and code length"
    return Table("", title, columns, rows, _notes(results), frozenset(family_starts(results.compared)))


def _score(results: DatasetResults, cell: Cell, bits: int) -> Entry:
    row, column = results.summary(cell), results.column(bits)
    mark: Mark = ""
    if cell.method == column.best:
        mark = "best"
    elif cell.method in column.tied:
        mark = "tied"
    return with_spread(row["score_mean"], row["score_sd"], mark)


def _notes(results: DatasetResults) -> list[str]:
    planned = results.study.spec.replicates
    notes = [
        f"Mean ± standard deviation over {planned} replicates, on test queries that neither training nor the search "
        f"has seen. Nothing is random in {_fixed(results)}.",
        "Tied: not shown to differ from the best of the column at the 5% level (test paired by seed and query, with "
        "Holm's correction over all pairs of rows of the column).",
    ]
    found = [_other_split, _worth_of_a_graph, _against_rivals, _untested, _incomplete, _missing]
    return [*notes, *(note for about in found for note in about(results))]


def _other_split(results: DatasetResults) -> list[str]:
    datasets = results.study.spec.datasets
    return split_in_words(next(dataset for dataset in datasets if dataset.name == results.dataset))


def _name(cell: Cell) -> str:
    return f"{full_label(cell.method)} at {cell.bits} bits" if cell.bits else full_label(cell.method)


def _fixed(results: DatasetResults) -> str:
    return listed([full_label(name) for name in results.compared if is_fixed(name)])


def _worth_of_a_graph(results: DatasetResults) -> list[str]:
    said = worth_of_a_graph(results.methods, results.claimed)
    return [said] if said else []


def _against_rivals(results: DatasetResults) -> list[str]:
    """Whether HAGCN holds against the other families; nothing where the study has searched none."""
    if not has_rivals(results):
        return []
    families = list(dict.fromkeys(map(family_of, results.compared)))
    between = f"Families between the lines, from the top: {listed(families)}."
    return [between, f"{answer([by_validation(results, bits) for bits in results.bits])} {how(results.metric)}"]


def _untested(results: DatasetResults) -> list[str]:
    """Rows that were not compared with the best, by reason."""
    rows: dict[tuple[int, str], list[str]] = defaultdict(list)
    for bits, column in results.columns.items():
        for method in results.compared:
            pair = column.against_best(method)
            if pair is not None and pair.test is None:
                rows[bits, pair.why_not].append(full_label(method))
    return [
        f"{bits} bits, not compared with the best: {', '.join(methods)} ({_reason_in_words(why)})."
        for (bits, why), methods in rows.items()
    ]


def _reason_in_words(why: str) -> str:
    return f"{why}, a claim needs {FEWEST}" if why == TOO_FEW else why


def _incomplete(results: DatasetResults) -> list[str]:
    rows = [(cell, results.summary(cell)) for cell in results.compared_cells]
    fewer = [
        f"{_name(cell)} on {row['replicates']} of {row['replicates_planned']}"
        for cell, row in rows
        if 0 < row["replicates"] < row["replicates_planned"]
    ]
    return [f"Fewer replicates than planned: {', '.join(fewer)}."] if fewer else []


def _missing(results: DatasetResults) -> list[str]:
    """Why entries are missing, each reason with its number of entries."""
    cells: dict[str, list[str]] = defaultdict(list)
    for cell in results.compared_cells:
        reason = results.summary(cell)["missing"]
        if reason:
            cells[reason].append(_name(cell))
    return [f"{MISSING} in {len(where)}: {reason} ({', '.join(where)})." for reason, where in cells.items()]


def cells_table(results: DatasetResults) -> Table:
    """How many trials and replicates each cell rests on, and why a cell is empty."""
    columns = [
        METHOD, BITS, *count_columns(results),
        Column("replicates", "Replicates"), Column("missing", "Why there is no score", "left"),
    ]  # fmt: skip
    rows = [_rests_on(results, cell) for cell in results.cells]
    notes = [
        "Trials are those of the search, scored on validation queries. A winner is chosen among the complete ones; "
        "pruned trials were given up by the search for being behind, diverged ones had a loss that is not a number, "
        "failed ones ended in an error.",
    ]
    limit = results.study.spec.trial_time_limit
    if limit is not None:
        notes.append(f"Over time: stopped by the study's time limit of {limit:g} s a trial, whatever it had reached.")
    starts = method_starts(results.cells)
    return Table("cells", f"{dataset_label(results.dataset)}: what each cell rests on", columns, rows, notes, starts)


def count_columns(results: DatasetResults) -> list[Column]:
    """How the search trials of a cell ended."""
    headings = {**count_headings(results.study.spec), "planned": "Trials planned"}
    return [Column(name, heading) for name, heading in headings.items()]


def _rests_on(results: DatasetResults, cell: Cell) -> list[Entry]:
    row = results.summary(cell)
    names = count_headings(results.study.spec)
    searched = [count(int(row[name])) if row["searched"] else Entry("", "") for name in names]
    replicates = Entry(f"{row['replicates']} of {row['replicates_planned']}", str(row["replicates"]))
    scored = math.isfinite(row["score_mean"])
    return [method_entry(cell.method), bits_entry(cell), *searched, replicates, Entry("" if scored else row["missing"])]
