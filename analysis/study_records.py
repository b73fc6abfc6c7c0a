"""A finished or running study as it lies on disk: what every table, figure and test starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from hasher.errors import UserError
from study.jobs import Cell, Task
from study.run_directory import RunDirectory
from study.spec import StudySpec


@dataclass(frozen=True)
class StudyRecords:
    """The files of one run directory. `records` has one row a trial, replicate and baseline (see `study.export`)."""

    run: RunDirectory
    spec: StudySpec
    records: pd.DataFrame

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets, in the order of the spec."""
        return [dataset.name for dataset in self.spec.datasets]

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row an epoch of a run: ``dataset filter bits kind index state epoch loss… map``; empty without any."""
        return pd.read_csv(self.run.curves) if self.run.curves.exists() else pd.DataFrame()

    def evaluation(self, kind: str, cell: Cell, index: int) -> dict[str, np.ndarray] | None:
        """Per-query arrays of one replicate or baseline on the test queries (`study.work` says which); None without."""
        path = self.run.evaluation(Task(kind, cell, index))  # type: ignore[arg-type]
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)


def load_study(path: Path) -> StudyRecords:
    """Read a run directory. Raises `UserError` for a directory that is not a study, or has no records yet."""
    run = RunDirectory(path)
    spec = run.read_spec() if path.is_dir() else None
    if spec is None:
        raise UserError(f"{path}: not a study (no study.yaml), give a directory that run_study.py made")
    if not run.records.exists():
        raise UserError(f"{path}: no records.csv yet; run_study.py writes it when it stops")
    return StudyRecords(run, spec, pd.read_csv(run.records))
