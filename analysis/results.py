"""One data set of a study: what tables, figures and texts ask of it, each thing worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.chance import Chance, Unknown, chance_scores
from analysis.ladder import Ladder, ladder
from analysis.names import in_order
from analysis.per_query import PerQuery, per_query
from analysis.query_classes import QueryClasses, query_classes
from analysis.statistics.column import FEWEST, Column, compare_rows, together
from analysis.statistics.intervals import Interval, bootstrap_interval
from analysis.study_records import StudyRecords
from analysis.summary import completed, summarise
from hasher.references import REFERENCES
from study.plan.tasks import NO_BITS, Cell
from study.record.evaluation_file import Arrays


def results_of(study: StudyRecords, dataset: str) -> DatasetResults:
    """The results on a data set of `study`: the same object whoever asks, so that all of them share its work.

    Raises `UserError` where a run is there twice.
    """
    study.once("rows", study.check_rows)
    return study.once(("results", dataset), lambda: DatasetResults(study, dataset))


@dataclass(frozen=True, eq=False)
class DatasetResults:
    """The part of `study` that is about `dataset`; see `results_of`."""

    study: StudyRecords
    dataset: str

    # Cells

    @property
    def methods(self) -> list[str]:
        """Those that are studied, in the order of every table's rows."""
        return in_order(self.study.spec.methods)

    @property
    def searched(self) -> list[str]:
        """Those of them that are searched."""
        return [name for name in self.methods if self.study.spec.is_searched(name)]

    @property
    def baselines(self) -> list[str]:
        """What they are compared with: methods as they are, and references."""
        others = [name for name in self.study.spec.all_methods if name not in self.study.spec.methods]
        return in_order([*others, *(name for name, reference in REFERENCES.items() if reference.is_compared)])

    @property
    def compared(self) -> list[str]:
        """Both, family by family: the rows of the main table."""
        return in_order([*self.methods, *self.baselines])

    @property
    def metric(self) -> str:
        """The study's objective as text has it: ``mAP``."""
        return self.study.metric.title(self.study.spec.k)

    @property
    def bits(self) -> list[int]:
        """Ascending."""
        return sorted(self.study.spec.bits)

    @property
    def reference_bits(self) -> int:
        """The code length of figures that can show only one: 32, or the middle one."""
        return 32 if 32 in self.bits else self.bits[(len(self.bits) - 1) // 2]

    def cell(self, method: str, bits: int) -> Cell:
        """The cell that stands at `bits`; a reference has the same one at every length."""
        return Cell(self.dataset, method, NO_BITS if method in REFERENCES else bits)

    def cells_of(self, methods: Iterable[str]) -> list[Cell]:
        """Method by method, ascending in bits; a reference's one cell once."""
        return list(dict.fromkeys(self.cell(name, bits) for name in methods for bits in self.bits))

    @property
    def searched_cells(self) -> list[Cell]:
        """The cells of the searched methods."""
        return self.cells_of(self.searched)

    @property
    def method_cells(self) -> list[Cell]:
        """The cells of the studied methods."""
        return self.cells_of(self.methods)

    @property
    def cells(self) -> list[Cell]:
        """All there are."""
        return self.cells_of(in_order([*self.study.spec.all_methods, *REFERENCES]))

    @property
    def compared_cells(self) -> list[Cell]:
        """The entries of the main table."""
        return self.cells_of(self.compared)

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
        complete = self.trials[(self.trials["state"] == "complete") & self.trials["score"].notna()]
        return _with_shortfall(complete, complete)

    @cached_property
    def pruned(self) -> pd.DataFrame:
        """Pruned trials of cells with a winner; ``shortfall`` is that of the best epoch they reached."""
        pruned = self.trials[(self.trials["state"] == "pruned") & self.trials["score"].notna()]
        return _with_shortfall(pruned, self.complete).dropna(subset="shortfall")

    @cached_property
    def winners(self) -> pd.DataFrame:
        """The winner of each cell that has one, as a row of `complete`; the best first."""
        found = [self.study.winner(cell) for cell in self.searched_cells]
        rows = self.complete.loc[[winner.name for winner in found if winner is not None]]
        return rows.sort_values(["score", "index"], ascending=[False, True])

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
        """The 95% interval of the cell's mean; None where there are too few replicates or queries for one."""
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
            cell.method: float(self.summary(cell)["score_mean"]) for cell in cells if self.summary(cell)["replicates"]
        }
        return compare_rows(means, {cell.method: self.scores(cell) for cell in cells})

    @property
    def columns(self) -> dict[int, Column]:
        """The comparisons of every code length."""
        return {bits: self.column(bits) for bits in self.bits}

    @cached_property
    def claimed(self) -> dict[int, Column]:
        """The same corrected for the comparisons of all code lengths: what sentences on all of them rest on."""
        return together(self.columns)

    @cached_property
    def ladders(self) -> dict[Cell, Ladder]:
        """The loss ladder of every studied method's cell."""
        return {cell: ladder(self.study, cell) for cell in self.method_cells}

    @cached_property
    def chance(self) -> Chance | Unknown:
        """What random codes score."""
        return chance_scores(self.study, self.dataset)

    @cached_property
    def query_classes(self) -> QueryClasses | str:
        """The classes of the test queries, or why they are not known."""
        return query_classes(self.study, self.dataset)

    @cached_property
    def evaluations(self) -> dict[Cell, list[Arrays]]:
        """Arrays of every evaluated test run by index, by cell."""
        found: dict[Cell, list[Arrays]] = {}
        for cell in self.cells:
            indices = completed(self.study, cell)["index"]
            arrays = [self.study.evaluation("test", cell, int(index)) for index in indices]
            if known := [each for each in arrays if each is not None]:
                found[cell] = known
        return found

    def mean_curve(self, method: str, bits: int, name: str) -> np.ndarray | None:
        """An array of the evaluations averaged over seeds; None where the method has none of that name."""
        arrays = [one[name] for one in self.evaluations.get(self.cell(method, bits), []) if name in one]
        return np.mean(arrays, axis=0) if arrays else None

    def evaluated(self, bits: int) -> list[str]:
        """Rows of the main table that were evaluated at `bits`."""
        return [method for method in self.compared if self.cell(method, bits) in self.evaluations]


def _with_shortfall(trials: pd.DataFrame, complete: pd.DataFrame) -> pd.DataFrame:
    best = complete.groupby(["method", "bits"])["score"].max().rename("best").reset_index()
    return trials.assign(
        shortfall=trials["score"] - trials.merge(best, how="left", on=["method", "bits"])["best"].to_numpy()
    )
