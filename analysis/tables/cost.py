"""What a study cost: per cell, and what each method's cost buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.names import by_family, dataset_label, family_starts, label
from analysis.per_query import difference
from analysis.results import DatasetResults
from analysis.statistics.column import FEWEST
from analysis.statistics.paired import paired_test
from analysis.summary import count_headings
from analysis.tables.scores import BITS, METHOD, bits_entry, count_columns, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, count, number
from analysis.wording import decimals

_HOUR = 3600.0
_CELL_SECONDS = (
    Column("search_seconds", "Search, device-seconds a cell"), Column("test_seconds", "Test, device-seconds a cell"),
)  # fmt: skip
_DEVICE_SECONDS = (
    "Device-seconds: of all trials of a cell's search, and of all its test runs, times the devices a run held."
)


def cost_table(results: DatasetResults) -> Table:
    """Trials by how they ended, and device-hours, of every searched cell; the last row is all of them together."""
    columns = [
        METHOD, BITS, *count_columns(results),
        Column("search_device_hours", "Search, device-hours"), Column("device_hours", "All, device-hours"),
    ]  # fmt: skip
    counts = list(count_headings(results.study.spec))
    seconds = ("search_device_seconds", "device_seconds")
    cells = [(cell, results.summary(cell)) for cell in results.searched_cells]
    rows = [
        [method_entry(cell.method), bits_entry(cell), *(count(int(row[name])) for name in counts),
         *(_hours(float(row[name])) for name in seconds)]
        for cell, row in cells
    ]  # fmt: skip
    total = [Entry("All", "all"), Entry("")]
    total += [count(sum(int(row[name]) for _, row in cells)) for name in counts]
    total += [_hours(sum(float(row[name]) for _, row in cells)) for name in seconds]
    notes = [
        "Device-hours are hours times the devices a run held: GPUs where it had any, otherwise CPU cores. All is the "
        "search with its replicates."
    ]
    groups = method_starts(results.searched_cells) | {len(rows)}
    title = f"{dataset_label(results.dataset)}: what each cell cost"
    return Table("cost", title, columns, [*rows, total], notes, groups)


def _hours(seconds: float) -> Entry:
    return number(seconds / _HOUR, digits=3 if seconds < 10 * _HOUR else 1)


@dataclass(frozen=True)
class _Spent:
    """Device-seconds of search and of test, and the cells that had any of it."""

    search: float
    searched: int
    test: float
    tested: int

    @classmethod
    def of(cls, results: DatasetResults, names: Sequence[str]) -> _Spent:
        """Of all cells of some methods."""
        rows = [results.summary(cell) for cell in results.cells_of(names)]
        search = np.array([row["search_device_seconds"] for row in rows], np.float64)
        test = np.array([row["device_seconds"] for row in rows], np.float64) - search
        return cls(float(search.sum()), int((search > 0).sum()), float(test.sum()), int((test > 0).sum()))

    @property
    def a_cell(self) -> list[Entry]:
        """Search and test as means over the cells that had any."""
        found = ((self.search, self.searched), (self.test, self.tested))
        return [number(seconds / cells if cells else None, 1) for seconds, cells in found]

    @property
    def hours(self) -> Entry:
        """All of it."""
        return _hours(self.search + self.test)


def cost_by_family_table(results: DatasetResults) -> Table:
    """What the search and the test of a cell take, family by family; the last row is all of them together."""
    columns = [
        Column("family", "Family", "left"), Column("methods", "Methods"), Column("searched", "Cells searched"),
        Column("tested", "Cells tested"), *_CELL_SECONDS,
        Column("cheapest", "Cheapest", "left"), Column("dearest", "Dearest", "left"),
        Column("device_hours", "Device-hours"),
    ]  # fmt: skip
    rows = [_family_row(results, family, names) for family, names in by_family(results.compared).items()]
    everything = _family_row(results, "All", results.compared)
    notes = [
        f"{_DEVICE_SECONDS} Means over the cells that had any: a method that is not searched has no search. Cheapest "
        "and dearest: by both together, with what they take a tested cell."
    ]
    title = f"{dataset_label(results.dataset)}: what search and test cost, by family"
    return Table("cost-by-family", title, columns, [*rows, everything], notes, frozenset({len(rows)}))


def _family_row(results: DatasetResults, family: str, names: Sequence[str]) -> list[Entry]:
    spent, each = _Spent.of(results, names), {name: _Spent.of(results, [name]) for name in names}
    a_cell = {name: (one.search + one.test) / one.tested for name, one in each.items() if one.tested}
    ends = [choose(a_cell, key=lambda name: a_cell[name], default=None) for choose in (min, max)]
    named = [Entry(MISSING) if name is None else Entry(f"{label(name)} ({decimals(a_cell[name], 1)} s)", name)
             for name in ends]  # fmt: skip
    return [
        Entry(family), count(len(names)), count(spent.searched), count(spent.tested), *spent.a_cell, *named,
        spent.hours,
    ]  # fmt: skip


def cost_by_method_table(results: DatasetResults) -> Table:
    """Training time of each searched method's replicates beside what it gains over no graph and over GCN."""
    columns = [
        METHOD, *_CELL_SECONDS, Column("device_hours", "Device-hours"), Column("seconds_an_epoch", "Seconds an epoch"),
        Column("times_none", "Times no graph"), Column("gain_over_none", f"{results.metric} gain over no graph"),
        Column("gain_over_gcn", f"{results.metric} gain over GCN"),
    ]  # fmt: skip
    epoch = {name: _seconds_an_epoch(results, name) for name in results.searched}
    rows = []
    for name in results.searched:
        spent = _Spent.of(results, [name])
        ratio = epoch[name] / epoch["none"] if "none" in epoch else float("nan")
        rows.append([
            method_entry(name), *spent.a_cell, spent.hours, number(epoch[name], 4),
            number(ratio, 2), _gain(results, name, "none"), _gain(results, name, "gcn"),
        ])  # fmt: skip
    notes = [
        f"{_DEVICE_SECONDS} Means over the cells that had any; device-hours are of all.",
        "Seconds an epoch: mean training time of the replicates, each cell with the width, batch size and filter order "
        "chosen for it, so a method may also be dearer for having chosen a wider autoencoder.",
        f"Gain: mean difference in test {results.metric} over the code lengths both methods have, with its 95% "
        f"interval over seeds and queries (from {FEWEST} replicates on), which is not adjusted for their number.",
    ]
    absent = [label(name) for name in ("none", "gcn") if name not in results.searched]
    if absent:
        notes.append(f"Not in this study: {' and '.join(absent)}.")
    starts = frozenset(family_starts(results.searched))
    title = f"{dataset_label(results.dataset)}: what a method costs and gains"
    return Table("cost-by-method", title, columns, rows, notes, starts)


def _seconds_an_epoch(results: DatasetResults, method: str) -> float:
    """Mean over the epochs of all complete replicates; NaN without any."""
    curves = results.study.curves
    if curves.empty or "seconds" not in curves:
        return float("nan")
    rows = curves[
        (curves["dataset"] == results.dataset) & (curves["method"] == method)
        & (curves["kind"] == "test") & (curves["state"] == "complete")
    ]  # fmt: skip
    return float(rows["seconds"].mean())


def _gain(results: DatasetResults, method: str, reference: str) -> Entry:
    if method == reference or reference not in results.searched:
        return Entry(MISSING)
    gains = _gains(results, method, reference)
    if gains is None:
        return Entry(MISSING)
    mean = decimals(float(gains.mean()), signed="+")
    raw = f"{gains.mean():.9g}"
    if len(gains) < FEWEST:
        return Entry(mean, raw)
    interval = paired_test(gains).interval
    return Entry(f"{mean} [{decimals(interval.low, signed='+')}, {decimals(interval.high, signed='+')}]", raw)


def _gains(results: DatasetResults, method: str, reference: str) -> NDArray[np.float64] | None:
    """(seeds, queries) differences, averaged over the code lengths that both have with equally many seeds."""
    found = []
    for bits in results.bits:
        ours, theirs = (results.scores(results.cell(name, bits)) for name in (method, reference))
        both = None if ours is None or theirs is None else difference(ours, theirs)
        if both is not None:
            found.append(both)
    alike = [each for each in found if each.shape == max(found, key=len).shape]
    return np.mean(alike, axis=0) if alike else None
