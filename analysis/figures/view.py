"""One data set of a study as figures look at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.one_dataset import OneDataset
from study.plan.tasks import Cell

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class DatasetView(OneDataset):
    """The records, curves and evaluations of `dataset`, each read once."""

    @property
    def reference_bits(self) -> int:
        """The code length of figures that can show only one: 32, or the middle one."""
        return 32 if 32 in self.bits else self.bits[(len(self.bits) - 1) // 2]

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
        return self._with_shortfall(complete, complete)

    @cached_property
    def pruned(self) -> pd.DataFrame:
        """Pruned trials of cells with a winner; ``shortfall`` is that of the best epoch they reached."""
        pruned = self.trials[(self.trials["state"] == "pruned") & self.trials["map"].notna()]
        return self._with_shortfall(pruned, self.complete).dropna(subset="shortfall")

    @staticmethod
    def _with_shortfall(trials: pd.DataFrame, complete: pd.DataFrame) -> pd.DataFrame:
        best = complete.groupby(["method", "bits"])["map"].max().rename("best").reset_index()
        return trials.assign(
            shortfall=trials["map"] - trials.merge(best, how="left", on=["method", "bits"])["best"].to_numpy()
        )

    @cached_property
    def winners(self) -> pd.DataFrame:
        """The trial with the best validation `map` of each cell that has one, the earlier of equals."""
        return self.complete.sort_values(["map", "index"], ascending=[False, True]).drop_duplicates(["method", "bits"])

    def tested(self, kind: str) -> pd.DataFrame:
        """Replicates or baselines that have a test score."""
        records = self.records
        return records[(records["kind"] == kind) & (records["state"] == "complete") & records["map"].notna()]

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row an epoch of a search trial."""
        curves = self.study.curves
        if curves.empty:
            return curves
        return curves[(curves["dataset"] == self.dataset) & (curves["kind"] == "search")]

    @cached_property
    def evaluations(self) -> dict[tuple[str, int], list[Arrays]]:
        """Arrays of every evaluated replicate and baseline run, by method and bits."""
        found: dict[tuple[str, int], list[Arrays]] = {}
        for kind in ("replicate", "baseline"):
            for row in self.tested(kind)[["method", "bits", "index"]].itertuples(index=False):
                arrays = self.study.evaluation(kind, Cell(self.dataset, row[0], int(row[1])), int(row[2]))
                if arrays is not None:
                    found.setdefault((row[0], int(row[1])), []).append(arrays)
        return found

    def mean_curve(self, method: str, bits: int, name: str) -> np.ndarray | None:
        """An array of the evaluations averaged over seeds; None where the method has none of that name."""
        arrays = [one[name] for one in self.evaluations.get((method, bits), []) if name in one]
        return np.mean(arrays, axis=0) if arrays else None

    def methods(self, bits: int) -> list[str]:
        """Filters that were evaluated at `bits`, and baselines they are compared with."""
        found = {method for method, evaluated in self.evaluations if evaluated == bits}
        return [method for method in self.compared if method in found]
