"""One data set of a study: what tables, figures and texts ask of it, each thing worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.chance import Chance, Unknown, chance_scores
from analysis.ladder import Ladder, ladder
from analysis.names import in_order
from analysis.per_query import PerQuery, per_query
from analysis.statistics.column import FEWEST, Column, compare_rows
from analysis.statistics.intervals import Interval, bootstrap_interval
from analysis.study_records import Arrays, StudyRecords
from analysis.summary import scored, summarise, tested_kind
from hasher.baselines import BASELINES
from study.plan.tasks import Cell

#: Baselines that filters are compared with. Float diffusion asks the whole graph of the database at every query, as no
#: hash does: it is a level to look up to, which the ladder shows, and can be the best of no column.
COMPARED_BASELINES = tuple(name for name in BASELINES if name != "float_diffusion")


def results_of(study: StudyRecords, dataset: str) -> DatasetResults:
    """The results on a data set of `study`: the same object whoever asks, so that all of them share its work."""
    return study.once(("results", dataset), lambda: DatasetResults(study, dataset))


@dataclass(frozen=True, eq=False)
class DatasetResults:
    """The part of `study` that is about `dataset`; see `results_of`."""

    study: StudyRecords
    dataset: str

    # Cells

    @property
    def filters(self) -> list[str]:
        """In the order of every table's rows."""
        return in_order(self.study.spec.filters)

    @property
    def baselines(self) -> list[str]:
        """Those that filters are compared with, in the order of every table's rows."""
        return in_order(COMPARED_BASELINES)

    @property
    def compared(self) -> list[str]:
        """Filters, then the baselines they are compared with."""
        return [*self.filters, *self.baselines]

    @property
    def bits(self) -> list[int]:
        """Ascending."""
        return sorted(self.study.spec.bits)

    @property
    def reference_bits(self) -> int:
        """The code length of figures that can show only one: 32, or the middle one."""
        return 32 if 32 in self.bits else self.bits[(len(self.bits) - 1) // 2]

    def cell(self, method: str, bits: int) -> Cell:
        return Cell(self.dataset, method, bits)

    @property
    def filter_cells(self) -> list[Cell]:
        """Filter by filter, ascending in bits."""
        return [self.cell(name, bits) for name in self.filters for bits in self.bits]

    @property
    def cells(self) -> list[Cell]:
        """Those of the filters, then those of all baselines."""
        return [self.cell(name, bits) for name in [*self.filters, *in_order(BASELINES)] for bits in self.bits]

    @property
    def compared_cells(self) -> list[Cell]:
        """Those of the filters, then those of the baselines they are compared with: the entries of the main table."""
        return [self.cell(name, bits) for name in self.compared for bits in self.bits]

    # The search

    @cached_property
    def records(self) -> pd.DataFrame:
        records = self.study.records
        return records[records["dataset"] == self.dataset]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Every search trial that ended, however it did, in order."""
        trials = self.records[self.records["kind"] == "search"]
        return trials.sort_values(["method", "bits", "index"], kind="stable")

    @cached_property
    def complete(self) -> pd.DataFrame:
        """Search trials that ran to their end and have a score, with the column ``shortfall``: how far each is below
        the best of its cell (0 for the winner), which trials of different code lengths can be compared by."""
        complete = self.trials[(self.trials["state"] == "complete") & self.trials["map"].notna()]
        return _with_shortfall(complete, complete)

    @cached_property
    def pruned(self) -> pd.DataFrame:
        """Pruned trials of cells with a winner; ``shortfall`` is that of the best epoch they reached."""
        pruned = self.trials[(self.trials["state"] == "pruned") & self.trials["map"].notna()]
        return _with_shortfall(pruned, self.complete).dropna(subset="shortfall")

    @cached_property
    def winners(self) -> pd.DataFrame:
        """The winner of each cell that has one, as a row of `complete`; the best first."""
        found = [self.study.winner(cell) for cell in self.filter_cells]
        rows = self.complete.loc[[winner.name for winner in found if winner is not None]]
        return rows.sort_values(["map", "index"], ascending=[False, True])

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row an epoch of a search trial."""
        curves = self.study.curves
        if curves.empty:
            return curves
        return curves[(curves["dataset"] == self.dataset) & (curves["kind"] == "search")]

    # The test

    @cached_property
    def _summaries(self) -> dict[Cell, pd.Series]:
        rows = (row for _, row in summarise(self.study, [self.dataset]).iterrows())
        return {self.cell(row["method"], int(row["bits"])): row for row in rows}

    def summary(self, cell: Cell) -> pd.Series:
        """The cell's row of `analysis.summary.summarise`."""
        return self._summaries[cell]

    def scores(self, cell: Cell) -> PerQuery | None:
        """Scores by run and query; None where they are not known."""
        return self.study.once(("scores", cell), lambda: per_query(self.study, cell))

    def interval(self, cell: Cell) -> Interval | None:
        """The 95% interval of the cell's mean `map`; None where there are too few replicates or queries for one."""
        return self.study.once(("interval", cell), lambda: self._interval(cell))

    def _interval(self, cell: Cell) -> Interval | None:
        scores = self.scores(cell)
        if scores is None or scores.values.shape[1] < 2 or not (scores.fixed or len(scores.values) >= FEWEST):
            return None
        return bootstrap_interval(scores.values)

    def column(self, bits: int) -> Column:
        """The comparisons of a code length."""
        return self.study.once(("column", self.dataset, bits), lambda: self._column(bits))

    def _column(self, bits: int) -> Column:
        cells = [self.cell(method, bits) for method in self.compared]
        means = {
            cell.method: float(self.summary(cell)["map_mean"]) for cell in cells if self.summary(cell)["replicates"]
        }
        return compare_rows(means, {cell.method: self.scores(cell) for cell in cells})

    @property
    def columns(self) -> dict[int, Column]:
        """The comparisons of every code length."""
        return {bits: self.column(bits) for bits in self.bits}

    @cached_property
    def ladders(self) -> dict[Cell, Ladder]:
        """The loss ladder of every filter's cell."""
        return {cell: ladder(self.study, cell) for cell in self.filter_cells}

    @cached_property
    def chance(self) -> Chance | Unknown:
        """What random codes score."""
        return chance_scores(self.study, self.dataset)

    @cached_property
    def evaluations(self) -> dict[tuple[str, int], list[Arrays]]:
        """Arrays of every evaluated replicate and baseline run by index, by method and bits."""
        found: dict[tuple[str, int], list[Arrays]] = {}
        for cell in self.cells:
            indices = scored(self.study, cell)["index"]
            arrays = [self.study.evaluation(tested_kind(cell), cell, int(index)) for index in indices]
            if known := [each for each in arrays if each is not None]:
                found[cell.method, cell.bits] = known
        return found

    def mean_curve(self, method: str, bits: int, name: str) -> np.ndarray | None:
        """An array of the evaluations averaged over seeds; None where the method has none of that name."""
        arrays = [one[name] for one in self.evaluations.get((method, bits), []) if name in one]
        return np.mean(arrays, axis=0) if arrays else None

    def evaluated(self, bits: int) -> list[str]:
        """Filters that were evaluated at `bits`, and baselines they are compared with."""
        return [method for method in self.compared if (method, bits) in self.evaluations]


def _with_shortfall(trials: pd.DataFrame, complete: pd.DataFrame) -> pd.DataFrame:
    best = complete.groupby(["method", "bits"])["map"].max().rename("best").reset_index()
    return trials.assign(
        shortfall=trials["map"] - trials.merge(best, how="left", on=["method", "bits"])["best"].to_numpy()
    )
