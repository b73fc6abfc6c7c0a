"""The least that one has to pay for a score that cannot be told from the best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from analysis.names import dataset_label, full_label
from analysis.results import DatasetResults
from analysis.statistics.column import Pair
from analysis.summary import completed
from analysis.tables.scores import BITS
from analysis.tables.table import MISSING, Column, Entry, Table, count, number
from analysis.wording import decimals
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from study.plan.tasks import Cell


@dataclass(frozen=True)
class _Cost:
    """Device-seconds of one run with what a cell has chosen, and of the search that chose it."""

    run: float
    search: float

    @classmethod
    def of(cls, results: DatasetResults, cell: Cell) -> _Cost:
        """The mean of the cell's complete test runs, and the sum of its trials."""
        run = float(completed(results.study, cell)["device_seconds"].mean())
        return cls(run, float(results.summary(cell)["search_device_seconds"]))


def cheapest_table(results: DatasetResults) -> Table:
    """A row a code length: the best of the column, and the cheapest configuration that the tests leave beside it."""
    columns = [
        BITS, Column("best", "Best", "left"), Column("best_seconds", "Device-seconds a run"),
        Column("cheapest", "Cheapest not told from it", "left"), Column("seconds", "Device-seconds a run"),
        Column("search_seconds", "of its search"), Column("difference", f"{results.metric} less the best's"),
        Column("configuration", "Its configuration", "left"),
    ]  # fmt: skip
    rows = [row for bits in results.bits if (row := _row(results, bits)) is not None]
    notes = [
        "Among the winners of a column, those whose difference to the best has 0 in its 95% interval over seeds and "
        "queries. Of many methods that is harder to meet than the main table's tie: its correction for all pairs would "
        "also leave a method beside the best that is clearly behind it and varies much. Not told apart is not the "
        "same: the interval says how much the cheaper one may be behind.",
        "A run: training and scoring with the configuration that was chosen, the mean of the replicates.",
    ]
    title = f"{dataset_label(results.dataset)}: the cheapest configuration that cannot be told from the best"
    return Table("cheapest", title, columns, rows, notes)


def _row(results: DatasetResults, bits: int) -> list[Entry] | None:
    column = results.column(bits)
    names = [name for name in results.compared if name not in REFERENCES]
    means = {name: float(results.summary(results.cell(name, bits))["score_mean"]) for name in names}
    costs = {name: _Cost.of(results, results.cell(name, bits)) for name in names if math.isfinite(means[name])}
    if not costs:
        return None
    best = max(costs, key=lambda name: means[name])
    pairs = {name: pair for name in costs if (pair := column.between(name, best)) and _not_told_apart(pair)}
    cheapest = min([best, *pairs], key=lambda name: costs[name].run)
    leader = [count(bits), Entry(full_label(best), best), number(costs[best].run, 2)]
    if cheapest == best:
        rest = [Entry("itself", cheapest), Entry(MISSING), number(costs[best].search, 1), Entry(MISSING)]
    else:
        cost = costs[cheapest]
        rest = [Entry(full_label(cheapest), cheapest), number(cost.run, 2), number(cost.search, 1),
                _difference(pairs[cheapest])]  # fmt: skip
    return [*leader, *rest, _configuration(results, cheapest, bits)]


def _not_told_apart(pair: Pair) -> bool:
    return pair.test is not None and pair.test.interval.low <= 0 <= pair.test.interval.high


def _difference(pair: Pair) -> Entry:
    assert pair.test is not None  # see `_not_told_apart`
    found, interval = pair.test.difference, pair.test.interval
    shown = (decimals(value, signed="+") for value in (found, interval.low, interval.high))
    return Entry("{} [{}, {}]".format(*shown), f"{found:.9g}")


def _configuration(results: DatasetResults, method: str, bits: int) -> Entry:
    """What the cell's winner was given: sampled hyperparameters and its epochs."""
    winner = results.study.winner(results.cell(method, bits))
    if winner is None:
        return Entry("as it is")
    spec, applies = results.study.spec, find_method(method).Config.applies
    sampled = {key: winner[key] for key in spec.space_for(method) if not pd.isna(winner[key])}
    given = {**find_method(method).given, **spec.fixed_for(method), **sampled}
    words = [f"{key} {_short(value)}" for key, value in sampled.items() if applies(key, given)]
    epochs = winner.get("chosen_epoch", math.nan)
    return Entry(", ".join(words if pd.isna(epochs) else [*words, f"{int(epochs)} epochs"]))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
