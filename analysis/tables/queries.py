"""What lies behind the means: the other scores, classes, queries that no method answers, agreement of methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.highlight import MOST_ROWS
from analysis.names import dataset_label, label
from analysis.query_classes import QueryClasses
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, count, number, text, with_spread
from hasher.retrieval.metrics import PRINCIPAL

#: Rows of classes, the worst first, and of queries.
MOST_CLASSES, MOST_QUERIES = 30, 12
#: A query of which no method reaches this much counts as failed.
FAILED = 0.5


def metrics_table(results: DatasetResults) -> Table:
    """Every score but those of other conventions, a row a cell of the main table; scores without a value are left out,
    as studies of older versions have them."""
    k, found = results.study.spec.k, [results.summary(cell) for cell in results.compared_cells]
    shown = [score for score in PRINCIPAL if any(math.isfinite(row[f"{score.name}_mean"]) for row in found)]
    columns = [METHOD, BITS, *(Column(score.name, score.title(k)) for score in shown)]
    rows = []
    for cell, row in zip(results.compared_cells, found, strict=True):
        scores = [with_spread(row[f"{score.name}_mean"], row[f"{score.name}_sd"]) for score in shown]
        rows.append([method_entry(cell.method), bits_entry(cell), *scores])
    notes = [
        "Mean ± standard deviation over replicates, on the test queries. "
        + "; ".join(f"{score.title(k)}: {score.meaning.format(k=k)}" for score in shown)
        + ".",
        f"Nothing is tested here but in the table of {results.metric}, which the study is about.",
    ]
    title = f"{dataset_label(results.dataset)}: what else was scored"
    return Table("metrics", title, columns, rows, notes, method_starts(results.compared_cells))


@dataclass(frozen=True, eq=False)
class _ByQuery:
    """Mean score over replicates of each method by query, (queries,), and the rows of the data set queries are."""

    queries: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]


def query_tables(results: DatasetResults) -> list[Table]:
    """Those that have anything to show, at the code length of figures that show one."""
    bits, found = results.reference_bits, _by_query(results)
    if found is None:
        return []
    tables = [_hardest(results, found, bits)]
    if isinstance(results.query_classes, QueryClasses):
        tables.insert(0, _classes(results, results.query_classes, found, bits))
    return tables if len(found.scores) < 2 else [*tables, _agreement(results, found, bits)]


def _by_query(results: DatasetResults) -> _ByQuery | None:
    """Of the rows of the main table whose runs were tested on the same queries as the first's."""
    known = {name: results.scores(results.cell(name, results.reference_bits)) for name in results.compared}
    found = {name: one for name, one in known.items() if one is not None}
    if not found:
        return None
    queries = next(iter(found.values())).queries
    alike = {name: one.values.mean(axis=0) for name, one in found.items() if np.array_equal(one.queries, queries)}
    return _ByQuery(queries, {name: one for name, one in alike.items() if np.isfinite(one).all()})


def _shown(found: _ByQuery) -> list[str]:
    """The methods there are columns for: all of a few, of many those with the highest means.

    Not those that figures are asked to draw in colour: tables follow from the records alone.
    """
    highest = sorted(found.scores, key=lambda name: -float(found.scores[name].mean()))[:MOST_ROWS]
    return [name for name in found.scores if name in highest]


def _classes(results: DatasetResults, classes: QueryClasses, found: _ByQuery, bits: int) -> Table:
    names = _shown(found)
    members = classes.members[found.queries]
    sizes = members.sum(axis=0)
    means = {name: (found.scores[name] @ members) / np.maximum(sizes, 1) for name in found.scores}
    average = np.mean(list(means.values()), axis=0) if means else np.zeros(len(sizes))
    order = [int(place) for place in np.argsort(average, kind="stable") if sizes[place]]
    columns = [
        Column("class", "Class", "left"), Column("queries", "Queries"),
        *(Column(name, label(name)) for name in names),
    ]  # fmt: skip
    rows = [
        [text(classes.names[place]), count(int(sizes[place])), *(number(float(means[name][place])) for name in names)]
        for place in order[:MOST_CLASSES]
    ]
    notes = [
        f"Mean {results.metric} of the queries of a class at {bits} bits, over replicates; classes with the lowest "
        "mean over all methods first. Nothing is tested: of few queries a mean says little."
    ]
    if (members.sum(axis=1) > 1).any():
        notes.append("A query counts in each of its classes.")
    if len(order) > MOST_CLASSES:
        notes.append(f"Of {len(order)} classes with queries these {MOST_CLASSES}.")
    title = f"{dataset_label(results.dataset)}: {results.metric} by class at {bits} bits"
    return Table("classes", title, columns, rows, notes)


def _hardest(results: DatasetResults, found: _ByQuery, bits: int) -> Table:
    """The queries at which even the best method does worst."""
    names, values = list(found.scores), np.array(list(found.scores.values()))
    best = values.max(axis=0) if len(names) else np.empty(0)
    classes = results.query_classes
    columns = [
        Column("query", "Query (row of the data)"), Column("class", "Class", "left"),
        Column("highest", "Highest"), Column("by", "With", "left"), Column("mean", "Mean of all methods"),
    ]  # fmt: skip
    rows = []
    for place in np.argsort(best, kind="stable")[:MOST_QUERIES]:
        query = int(found.queries[place])
        rows.append([
            count(query), text(classes.of(query)) if isinstance(classes, QueryClasses) else Entry(MISSING),
            number(float(best[place])), Entry(label(names[int(values[:, place].argmax())])),
            number(float(values[:, place].mean())),
        ])  # fmt: skip
    failed = int((best < FAILED).sum())
    notes = [
        f"{results.metric} of single queries at {bits} bits, means over replicates: those first that even the best "
        f"method answers worst. Of {failed} of {len(found.queries)} queries no method has {FAILED} or more."
    ]
    if isinstance(classes, str):
        notes.append(f"Classes are not known here: {classes}.")
    title = f"{dataset_label(results.dataset)}: queries that fail with every method, {bits} bits"
    return Table("hardest-queries", title, columns, rows, notes)


def _agreement(results: DatasetResults, found: _ByQuery, bits: int) -> Table:
    """Rank correlation between methods of their scores by query."""
    names = _shown(found)
    columns = [METHOD, *(Column(name, label(name)) for name in names)]
    rows = [
        [method_entry(one), *(_correlation(found, place, other, names) for other in range(len(names)))]
        for place, one in enumerate(names)
    ]
    notes = [
        f"Whether methods find the same queries hard: rank correlation of {results.metric} by query at {bits} bits, "
        "means over replicates; below the diagonal Kendall's τ, above it Spearman's. 1 is the same order of queries."
    ]
    title = f"{dataset_label(results.dataset)}: agreement of methods about queries, {bits} bits"
    return Table("agreement", title, columns, rows, notes)


def _correlation(found: _ByQuery, row: int, column: int, names: Sequence[str]) -> Entry:
    if row == column:
        return Entry("1", "1")
    measure = stats.kendalltau if row > column else stats.spearmanr
    ours, theirs = found.scores[names[row]], found.scores[names[column]]
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:  # a constant has no order
        return Entry(MISSING)
    return number(float(measure(ours, theirs).statistic), 2)
