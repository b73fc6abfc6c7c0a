"""The scores of other conventions beside `map`: cut rankings, the order of ties, gains by labels shared."""

from __future__ import annotations

import math

from analysis.names import dataset_label
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import Column, Table, number
from hasher.retrieval.metrics import BY_QUERY

#: Scores in the order of the columns.
_SHOWN = ("map", "map_best_ties", "map_worst_ties", "map_at_k", "map_at_1000", "map_at_5000", "ndcg", "ndcg_at_k")
_CUTS = {"map_at_1000": 1000, "map_at_5000": 5000}


def conventions_table(results: DatasetResults) -> Table:
    """Test scores of every cell, means over replicates; cuts beyond the database are left out."""
    size = results.study.records.loc[results.study.records["dataset"] == results.dataset, "database_items"].max()
    shown = [name for name in _SHOWN if not _CUTS.get(name, 0) >= size]
    k = results.study.spec.k
    columns = [METHOD, BITS, *(Column(name, BY_QUERY[name].title(k)) for name in shown)]
    rows = [
        [method_entry(cell.method), bits_entry(cell),
         *(number(results.summary(cell)[f"{name}_mean"]) for name in shown)]
        for cell in results.cells
    ]  # fmt: skip
    notes = [
        "Means over replicates, on the same test queries. mAP is the expectation over all orders of the items at equal "
        "distance; with best and worst ties the relevant ones of these come first, or last. A sort that leaves ties in "
        "the order of the database gives some number between the two.",
        "mAP@n is divided by min(R, n), R being a query's relevant items. NDCG: the gain of an item is the number of "
        "labels that it shares with the query, its discount 1/log2(rank + 1), the ideal ranking that of the database.",
    ]
    title = f"{dataset_label(results.dataset)}: the same rankings by other conventions"
    return Table("conventions", title, columns, rows, notes, method_starts(results.cells))


def has_conventions(results: DatasetResults) -> bool:
    """Whether any cell has such scores; studies of older versions have none."""
    return any(math.isfinite(results.summary(cell)["map_best_ties_mean"]) for cell in results.cells)
