"""One data set of a study as tables look at it: each cell's summary and scores by query, each column's tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.names import in_order
from analysis.one_dataset import OneDataset
from analysis.per_query import PerQuery, per_query
from analysis.statistics.column import Column, compare_rows
from analysis.summary import summarise
from hasher.baselines import BASELINES
from study.plan.tasks import Cell


@dataclass(frozen=True, eq=False)
class DatasetResults(OneDataset):
    """The results on `dataset`, each computed once."""

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

    @cached_property
    def _summaries(self) -> dict[Cell, pd.Series]:
        rows = (row for _, row in summarise(self.study).iterrows())
        return {Cell(row["dataset"], row["method"], int(row["bits"])): row for row in rows}

    def summary(self, cell: Cell) -> pd.Series:
        """The cell's row of `analysis.summary.summarise`."""
        return self._summaries[cell]

    @cached_property
    def scores(self) -> dict[Cell, PerQuery | None]:
        """Scores by run and query of every cell; None where they are not known."""
        return {cell: per_query(self.study, cell) for cell in self.cells}

    @cached_property
    def columns(self) -> dict[int, Column]:
        """The comparisons of every code length."""
        return {bits: self._compare(bits) for bits in self.bits}

    def _compare(self, bits: int) -> Column:
        cells = [self.cell(method, bits) for method in self.compared]
        means = {
            cell.method: float(self.summary(cell)["map_mean"]) for cell in cells if self.summary(cell)["replicates"]
        }
        return compare_rows(means, {cell.method: self.scores[cell] for cell in cells})
