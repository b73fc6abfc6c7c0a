"""A finished or running study as it lies on disk: what every table, figure and test starts from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from analysis.record_table import read_table
from hasher.errors import UserError
from hasher.retrieval.metrics import ADDED, METRICS, SCORES, Metric
from study.plan.finished import winning_place
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Kind, Task, cells, reference_cells
from study.record.amendments import Amendment
from study.record.evaluation_file import Arrays, read_evaluation
from study.record.study_folder import StudyFolder

Made = TypeVar("Made")

#: Columns that say which run a row is of.
_RUN = ("dataset", "method", "bits", "kind", "index")

#: Columns without which nothing can be said; others may be missing in a study of an older version.
_NEEDED = (*_RUN, "state", "seed", *(score.name for score in SCORES if score.name not in ADDED), "device_seconds")
_NEEDED_OF_CURVES = (*_RUN, "state", "epoch", "seconds")


@dataclass(frozen=True)
class StudyRecords:
    """The files of one study. `records` has one row a trial and test run (`study.record.export`), with the
    study's objective as the column ``score``; `curves` too. `superseded` are test runs that no longer count: an
    extension of the study found another winner.

    `data_dir` is where the data sets are looked for by what needs their labels or images; `highlight` are methods that
    figures are to draw in colour (`analysis.highlight`), where someone named them. What is worked out of the
    records is kept with them (see `once`), so they are not to be changed once they have been looked at.
    """

    folder: StudyFolder
    spec: StudySpec
    records: pd.DataFrame
    data_dir: Path | None = None
    highlight: tuple[str, ...] = ()
    superseded: pd.DataFrame = field(default_factory=pd.DataFrame)
    _made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, kept under `key` for whoever asks again as long as the study is there."""
        if key not in self._made:
            self._made[key] = make()
        found: Made = self._made[key]
        return found

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, in the order of the spec."""
        return [dataset.name for dataset in self.spec.datasets]

    @property
    def metric(self) -> Metric:
        """The study's objective."""
        return METRICS[self.spec.objective]

    @cached_property
    def origins(self) -> Origins | None:
        """Where each key of the spec is from; None where that was not kept. Raises `UserError` for a damaged file."""
        return self.folder.read_origins()

    @cached_property
    def amendments(self) -> list[Amendment]:
        """How the study was extended, the first time first. Raises `UserError` for a damaged file."""
        return self.folder.read_amendments().amendments

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row an epoch of a run: ``dataset method bits kind index state epoch loss… score``; empty without any.

        Raises `UserError` for a damaged file.
        """
        if not self.folder.curves.exists():
            return pd.DataFrame()
        return _with_columns(read_table(self.folder.curves, self.spec), _NEEDED_OF_CURVES, self.folder.curves)

    def cells(self, dataset: str) -> list[Cell]:
        """The cells of one data set: methods over all code lengths, then references."""
        planned = [*cells(self.spec), *reference_cells(self.spec)]
        return [cell for cell in planned if cell.dataset == dataset]

    def runs(self, kind: Kind, cell: Cell) -> pd.DataFrame:
        """The recorded runs of one kind of a cell, by index; empty without any."""
        rows = self._by_cell.get((kind, cell.dataset, cell.method, cell.bits))
        return self.records.iloc[:0] if rows is None else rows

    def check_rows(self) -> None:
        """Raise `UserError` where a run has two rows in the records, and would count twice."""
        twice = self.records[self.records.duplicated(list(_RUN))]
        if len(twice):
            run = " ".join(map(str, twice[list(_RUN)].iloc[0]))
            raise UserError(
                f"{self.folder.records}: {run} is in two rows, expected one a run: `python run_study.py "
                f"{self.folder.path}` writes the table anew"
            )

    @cached_property
    def _by_cell(self) -> dict[Hashable, pd.DataFrame]:
        ordered = self.records.sort_values("index", kind="stable")
        return dict(iter(ordered.groupby(["kind", "dataset", "method", "bits"])))

    def curve_rows(self, kind: Kind, cell: Cell) -> pd.DataFrame:
        """The epochs of the runs of one kind of a cell, by index and epoch; empty without any."""
        rows = self._curves_by_cell.get((kind, cell.dataset, cell.method, cell.bits))
        return self.curves.iloc[:0] if rows is None else rows

    @cached_property
    def _curves_by_cell(self) -> dict[Hashable, pd.DataFrame]:
        if self.curves.empty:
            return {}
        return dict(iter(self.curves.groupby(["kind", "dataset", "method", "bits"])))

    def winner(self, cell: Cell) -> pd.Series | None:
        """The search trial that replicates are trained like (`study.plan.finished.winning_place`); None without one."""
        return self.once(("winner", cell), lambda: self._winner(cell))

    def _winner(self, cell: Cell) -> pd.Series | None:
        trials = self.runs("search", cell)
        place = winning_place(zip(trials["state"], trials["score"], strict=True))
        return None if place is None else trials.iloc[place]

    def evaluation(self, kind: Kind, cell: Cell, index: int) -> Arrays | None:
        """What one test run left; None where it left nothing. Not to be changed: others are given the same arrays.

        Raises `UserError` for a damaged file.
        """
        task = Task(kind, cell, index)
        return self.once(task, lambda: self._read_evaluation(task))

    def _read_evaluation(self, task: Task) -> Arrays | None:
        path = self.folder.evaluation(task)
        if not path.exists():
            return None
        try:
            return read_evaluation(path)
        except UserError as error:
            raise UserError(f"{error}; `python run_study.py {self.folder.path}` does its run again") from None


def load_study(path: Path, data_dir: Path | None = None) -> StudyRecords:
    """Read a study folder. Raises `UserError` for a directory that is not a study, or has no records yet."""
    folder = StudyFolder(path)
    spec = folder.read_spec() if path.is_dir() else None
    if spec is None:
        raise UserError(f"{path}: not a study (no study.yaml), give a directory that run_study.py made")
    if not folder.records.exists():
        raise UserError(f"{path}: no records.csv yet; run_study.py writes it when it stops")
    records = _with_columns(read_table(folder.records, spec), _NEEDED, folder.records)
    gone = records["superseded"].astype(bool) if "superseded" in records else pd.Series(False, index=records.index)
    records = _with_every_score(records)
    kept, superseded = (records[rows].reset_index(drop=True) for rows in (~gone, gone))
    return StudyRecords(folder, spec, kept, data_dir, superseded=superseded)


def _with_columns(table: pd.DataFrame, needed: Sequence[str], path: Path) -> pd.DataFrame:
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise UserError(f"{path}: no column {missing[0]}, expected a table as run_study.py writes it")
    return table


def _with_every_score(records: pd.DataFrame) -> pd.DataFrame:
    """Scores that a study of an older version lacks are missing values."""
    return records.assign(**{name: float("nan") for name in ADDED if name not in records})
