"""Intervals, tests, the optimism of selection and the stability of the methods' order."""

from __future__ import annotations

import statistics

import numpy as np
from numpy.typing import NDArray

from analysis.names import dataset_label, family_starts, label
from analysis.results import DatasetResults
from analysis.statistics.column import TOO_FEW, Pair
from analysis.statistics.intervals import RESAMPLES
from analysis.statistics.paired import ALPHA
from analysis.statistics.selection import DRAWS, OrderStability, optimism, order_stability
from analysis.summary import scored
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, count, number, p_value
from analysis.wording import decimals
from study.plan.tasks import Cell

#: Methods named in an order; the CSV file has all.
_MOST_IN_ORDER = 8


def intervals_table(results: DatasetResults) -> Table:
    """The 95% interval of every cell's mean score."""
    columns = [
        METHOD, BITS, Column("replicates", "Replicates"), Column("queries", "Queries"), Column("score", results.metric),
        Column("low", "95% low"), Column("high", "95% high"), Column("note", "Note", "left"),
    ]  # fmt: skip
    rows = [_interval_row(results, cell) for cell in results.cells]
    notes = [
        "What fresh seeds and fresh queries of the same kind would give: a hierarchical bootstrap of "
        f"{RESAMPLES} resamples, which draws replicates, then queries that are the same for all replicates drawn, with "
        "Student's t for the few replicates. It does not speak of another search or another data set.",
    ]
    starts = method_starts(results.cells)
    title = f"{dataset_label(results.dataset)}: confidence intervals of {results.metric}"
    return Table("intervals", title, columns, rows, notes, starts)


def _interval_row(results: DatasetResults, cell: Cell) -> list[Entry]:
    summary, scores = results.summary(cell), results.scores(cell)
    names = [method_entry(cell.method), bits_entry(cell), count(int(summary["replicates"]))]
    mean = number(float(summary["score_mean"]))
    if scores is None:
        note = "" if summary["missing"] else "no scores by query"
        return [*names, Entry(MISSING), mean, Entry(MISSING), Entry(MISSING), Entry(note or summary["missing"])]
    queries, interval = scores.values.shape[1], results.interval(cell)
    if interval is None:
        why = TOO_FEW if queries > 1 else "too few queries"
        return [*names, count(queries), mean, Entry(MISSING), Entry(MISSING), Entry(why)]
    note = "over queries only: nothing in it is random" if scores.fixed else ""
    return [*names, count(queries), mean, number(interval.low), number(interval.high), Entry(note)]


def best_table(results: DatasetResults) -> Table:
    """Every row against the best of its column: difference and Holm's p-value."""
    columns = [METHOD, *(Column(str(bits), f"{bits} bits") for bits in results.bits)]
    rows = [
        [method_entry(method), *(_against_best(results, method, bits) for bits in results.bits)]
        for method in results.compared
    ]
    notes = [
        f"{results.metric} minus that of the best of the column, and the p-value that the two are equal: a two-way "
        "test on differences paired by seed and query, which takes both seeds and queries for a sample, adjusted by "
        "Holm's "
        f"method for all pairs of rows of the column. {ALPHA:.2f} and more is called tied.",
        "A row further from the best may be tied where a nearer one is not: its replicates vary more.",
    ]
    title = f"{dataset_label(results.dataset)}: difference from the best of each column"
    return Table("tests", title, columns, rows, notes, frozenset(family_starts(results.compared)))


def _against_best(results: DatasetResults, method: str, bits: int) -> Entry:
    column = results.column(bits)
    if method == column.best:
        return Entry("best", mark="best")
    pair = column.against_best(method)
    if pair is None:
        return Entry(MISSING)
    if pair.test is None or pair.adjusted is None:
        return Entry(pair.why_not)
    shown = f"{decimals(pair.test.difference, signed='+')} (p {_equals(pair.adjusted)})"
    return Entry(shown, mark="tied" if method in column.tied else "")


def _equals(value: float) -> str:
    shown = p_value(value)
    return shown if shown.startswith("<") else f"= {shown}"


def pairs_table(results: DatasetResults) -> Table:
    """Every comparison of two rows at every code length."""
    columns = [
        BITS, Column("first", "First", "left"), Column("second", "Second", "left"), Column("difference", "Difference"),
        Column("low", "95% low"), Column("high", "95% high"), Column("p", "p"), Column("p_holm", "p, Holm"),
        Column("note", "Note", "left"),
    ]  # fmt: skip
    rows: list[list[Entry]] = []
    starts: set[int] = set()
    for bits, column in results.columns.items():
        starts.add(len(rows))
        rows += [_pair_row(bits, pair) for pair in column.pairs]
    notes = [
        f"Difference: {results.metric} of the first minus that of the second. The intervals are not adjusted for their "
        "number."
    ]
    title = f"{dataset_label(results.dataset)}: all comparisons of two rows"
    return Table("pairs", title, columns, rows, notes, frozenset(starts))


def _pair_row(bits: int, pair: Pair) -> list[Entry]:
    names = [count(bits), method_entry(pair.first), method_entry(pair.second)]
    if pair.test is None or pair.adjusted is None:
        return [*names, *[Entry(MISSING)] * 5, Entry(pair.why_not)]
    test = pair.test
    numbers = [number(value, signed="+") for value in (test.difference, test.interval.low, test.interval.high)]
    p_values = [Entry(p_value(value), f"{value:.6g}") for value in (test.p_value, pair.adjusted)]
    return [*names, *numbers, *p_values, Entry("")]


def selection_table(results: DatasetResults) -> Table:
    """Every winner's score in the search beside that of its replicates."""
    columns = [
        METHOD, BITS, Column("trials", "Complete trials"), Column("search", f"Search, validation {results.metric}"),
        Column("fresh", f"Fresh seeds, test {results.metric}"), Column("gap", "Gap"),
        Column("replicate_sd", "Replicates' sd"),
    ]  # fmt: skip
    rows: list[list[Entry]] = []
    gaps: list[float] = []
    for cell in results.searched_cells:
        summary, winner = results.summary(cell), results.study.winner(cell)
        names = [method_entry(cell.method), bits_entry(cell), count(int(summary["complete"]))]
        tested = scored(results.study, cell)["score"].to_numpy(np.float64)
        if winner is None or not len(tested):
            rows.append([*names, number(summary["validation_score"]), *[Entry(MISSING)] * 3])
            continue
        found = optimism(float(winner["score"]), tested)
        gaps.append(found.gap)
        rows.append([
            *names, number(found.search), number(found.fresh), number(found.gap, signed="+"),
            number(found.replicate_sd),
        ])  # fmt: skip
    notes = [
        "Gap: how much better the winner looked in the search than fresh seeds did on the test queries. It mixes the "
        "luck of the best of many trials with a change of queries, which is the same for all cells, and with more "
        "training items."
    ]
    if gaps:
        cells = "1 cell" if len(gaps) == 1 else f"{len(gaps)} cells"
        notes.append(f"The median gap is {decimals(statistics.median(gaps), signed='+')} over {cells}.")
    starts = method_starts(results.searched_cells)
    title = f"{dataset_label(results.dataset)}: search score against fresh-seed score"
    return Table("selection", title, columns, rows, notes, starts)


def order_table(results: DatasetResults) -> Table:
    """Whether half of the trials would have put the searched methods in another order."""
    columns = [
        BITS, Column("order", f"Order by best validation {results.metric}", "left"),
        Column("order_changes", "P(order changes)"),
        Column("best_changes", "P(best changes)"), Column("agreement", "Agreement, random half"),
        Column("first_half_agreement", "Agreement, first half"), Column("test_agreement", "Agreement, test"),
    ]  # fmt: skip
    rows = [_order_row(bits, _stability(results, bits)) for bits in results.bits]
    notes = [
        f"Of {DRAWS} draws of a random half of every method's trials (pruned, diverged and failed ones count as trials "
        "and cannot win), with winners chosen again by validation score: the share in which the methods' order, or the "
        "best method, is another one.",
        "Agreement with the order shown is Kendall's τ, 1 for the same and -1 for the reverse: on average over these "
        "draws; of the first half of the trials in time, which is closer to what a search of half the length would "
        "have found; and of the replicates' test score.",
    ]
    title = f"{dataset_label(results.dataset)}: the methods' order with half of the trials"
    return Table("order", title, columns, rows, notes)


def _stability(results: DatasetResults, bits: int) -> OrderStability | None:
    cells = [results.cell(name, bits) for name in results.searched]
    trials = {cell.method: _validation_scores(results, cell) for cell in cells}
    tested = {cell.method: float(results.summary(cell)["score_mean"]) for cell in cells}
    return order_stability(trials, tested)


def _validation_scores(results: DatasetResults, cell: Cell) -> NDArray[np.float64]:
    """Of the ended trials by index, NaN where not complete."""
    trials = results.study.runs("search", cell)
    return trials["score"].where(trials["state"] == "complete").to_numpy(np.float64)


def _order_row(bits: int, found: OrderStability | None) -> list[Entry]:
    if found is None:
        return [count(bits), Entry("fewer than two methods to compare"), *[Entry(MISSING)] * 5]
    return [
        count(bits), _order(found.methods), number(found.changes, 2), number(found.best_changes, 2),
        number(found.agreement, 2), number(found.first_half_agreement, 2), number(found.test_agreement, 2),
    ]  # fmt: skip


def _order(methods: tuple[str, ...]) -> Entry:
    shown = [label(name) for name in methods[:_MOST_IN_ORDER]]
    shown += [f"{len(methods) - len(shown)} more"] if len(methods) > len(shown) else []
    return Entry(" > ".join(shown), " > ".join(methods))
