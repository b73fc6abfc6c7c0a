"""What a study runs: tasks (which run of which cell) and jobs (a task with all a worker needs to do it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hasher.contract import MethodConfig
from hasher.references import REFERENCES
from study.plan.spec import StudySpec

#: `search`: a trial, scored on validation queries; `test`: a run of what was chosen, scored on test queries.
Kind = Literal["search", "test"]
KINDS: tuple[Kind, ...] = ("search", "test")
#: Stands for the length of codes where there are none.
NO_BITS = 0


@dataclass(frozen=True, order=True)
class Cell:
    """One entry of the table. A reference (`hasher.references`) has `NO_BITS`, and stands at every length."""

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
    """What goes to a worker. `config` is None for a reference; `report_every` is in epochs, `time_limit` in seconds;
    the best epoch of a search trial is that with the best `objective`. `group` has index and seed of all runs that are
    trained side by side, its own among them, in their order; it is empty where a run is trained by itself."""

    task: Task
    seed: int
    config: MethodConfig | None
    report_every: int
    objective: str
    k: int
    time_limit: float | None = None
    group: tuple[tuple[int, int], ...] = ()


def cells(spec: StudySpec) -> list[Cell]:
    """The cells of a study's methods, in the order of its spec."""
    return [Cell(*key) for key in spec.cells()]


def searched_cells(spec: StudySpec) -> list[Cell]:
    """Those in which there is something to search for."""
    return [cell for cell in cells(spec) if spec.is_searched(cell.method)]


def reference_cells(spec: StudySpec) -> list[Cell]:
    """The references of every data set."""
    return [Cell(dataset.name, name, NO_BITS) for dataset in spec.datasets for name in REFERENCES]


def search_tasks(spec: StudySpec, cell: Cell) -> list[Task]:
    """Every search trial planned in a cell."""
    return [Task("search", cell, index) for index in range(spec.trials_of(cell.method))]


def final_tasks(spec: StudySpec, cell: Cell) -> list[Task]:
    """Every run on test queries planned in a cell: its replicates, one where nothing in it is random."""
    runs = 1 if cell.method in REFERENCES else spec.replicates_of(cell.method)
    return [Task("test", cell, index) for index in range(runs)]


def alike(spec: StudySpec, task: Task) -> list[Task]:
    """The runs that differ from a task in the seed alone, itself among them, by index: the replicates of its cell, or
    the trials of its point of a grid."""
    if task.kind == "test":
        return final_tasks(spec, task.cell)
    if spec.sampler.name != "grid":
        return [task]
    points = len(spec.grid_for(task.cell.method))
    return search_tasks(spec, task.cell)[task.index % points :: points]


def all_tasks(spec: StudySpec) -> list[Task]:
    """Everything a study runs."""
    planned = cells(spec)
    searches = [task for cell in planned for task in search_tasks(spec, cell)]
    tests = [task for cell in [*planned, *reference_cells(spec)] for task in final_tasks(spec, cell)]
    return [*searches, *tests]
