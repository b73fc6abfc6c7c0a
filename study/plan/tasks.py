"""What a study runs: tasks (which run of which cell) and jobs (a task with all a worker needs to do it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hasher.baselines import BASELINES, STOCHASTIC
from hasher.hagcn.config import HasherConfig
from study.plan.spec import StudySpec

Kind = Literal["search", "replicate", "baseline"]
KINDS: tuple[Kind, ...] = ("search", "replicate", "baseline")


@dataclass(frozen=True, order=True)
class Cell:
    """One entry of the table."""

    dataset: str
    method: str
    bits: int

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.bits}"


@dataclass(frozen=True)
class Task:
    """The `index`-th run of its kind in a cell, counted from 0."""

    kind: Kind
    cell: Cell
    index: int

    def seed(self, study_seed: int) -> int:
        """The run's seed. It depends on kind and index alone, so that cells are compared on the same seeds."""
        sequence = np.random.SeedSequence([study_seed, KINDS.index(self.kind), self.index])
        return int(sequence.generate_state(1)[0] >> 1)


@dataclass(frozen=True)
class Job:
    """What goes to a worker. `config` is None for a baseline; `report_every` is in epochs, `time_limit` in seconds."""

    task: Task
    seed: int
    config: HasherConfig | None
    report_every: int
    k: int
    time_limit: float | None = None


def cells(spec: StudySpec) -> list[Cell]:
    """The cells of a study, in the order of its spec."""
    return [Cell(*key) for key in spec.cells()]


def search_tasks(spec: StudySpec, cell: Cell) -> list[Task]:
    """Every search trial planned in a cell."""
    return [Task("search", cell, index) for index in range(spec.trials_of(cell.method))]


def replicate_tasks(spec: StudySpec, cell: Cell) -> list[Task]:
    """Every replicate planned in a cell."""
    return [Task("replicate", cell, index) for index in range(spec.replicates)]


def baseline_tasks(spec: StudySpec) -> list[Task]:
    """Every baseline run planned: one seed, or as many as replicates where the baseline has a random part."""
    return [
        Task("baseline", Cell(dataset.name, name, bits), index)
        for dataset in spec.datasets
        for name in BASELINES
        for bits in spec.bits
        for index in range(spec.replicates if name in STOCHASTIC else 1)
    ]


def all_tasks(spec: StudySpec) -> list[Task]:
    """Everything a study runs."""
    planned = cells(spec)
    searches = [task for cell in planned for task in search_tasks(spec, cell)]
    replicates = [task for cell in planned for task in replicate_tasks(spec, cell)]
    return [*searches, *replicates, *baseline_tasks(spec)]
