"""What is left of a study will take, by its own records, those of other studies like it, or timed steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hasher.csv_text import restored
from hasher.errors import UserError
from hasher.files import open_regular
from hasher.methods.registry import methods
from study.plan.finished import FinishedRuns
from study.plan.run_times import RunTimes
from study.plan.spec import StudySpec
from study.plan.tasks import KINDS, Cell, Task
from study.record.study_folder import StudyFolder
from study.work.data import StudyData
from study.work.provenance import worker_facts

#: Columns of records.csv by what they must be.
_COLUMNS = {
    **dict.fromkeys(["dataset", "method", "kind", "state", "device"], "str"),
    **dict.fromkeys(["bits", "index"], "int64"),
    **dict.fromkeys(["seconds", "train_items", "database_items", "queries", "threads"], "float64"),
}
_OF_A_RUN = ["method", "bits", "index", "seconds"]


@dataclass(frozen=True)
class Source:
    """Run times, and where they are from in a few words."""

    name: str
    times: RunTimes


@dataclass(frozen=True)
class Estimate:
    """Seconds that a run will take, by the source of this name."""

    seconds: float
    source: str


def estimate(tasks: Iterable[Task], sources: Iterable[Source]) -> dict[Task, Estimate]:
    """What each task will take, from the first source that has runs of its data set, kind and method.

    No more `sources` are drawn than it needs: the later ones may take time to make.
    """
    estimates: dict[Task, Estimate] = {}
    waiting, more = list(tasks), iter(sources)
    while waiting and (source := next(more, None)) is not None:
        known = {task: source.times.of_its_own(task) for task in waiting}
        estimates |= {task: Estimate(seconds, source.name) for task, seconds in known.items() if seconds is not None}
        waiting = [task for task, seconds in known.items() if seconds is None]
    return estimates


def own_times(finished: FinishedRuns) -> Source:
    """From what the study itself has run so far."""
    times = RunTimes()
    for task, ended in finished.items():
        times.add(task, ended.seconds)
    return Source("this study", times)


def recorded_times(spec: StudySpec, data: Mapping[str, StudyData], runs_dir: Path, threads: int) -> Iterator[Source]:
    """From the records of other studies in `runs_dir`, the latest first, scaled to the epochs of this one.

    Only runs on data of the same name and sizes count, with as many threads, on such a device as this machine has.
    """
    paths = [path for path in runs_dir.glob("*/records.csv") if path.parent.name != spec.name]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            other = StudyFolder(path.parent).read_spec()
            with open_regular(path) as file:
                records = restored(pd.read_csv(file, usecols=list(_COLUMNS), dtype=_COLUMNS))
        except (UserError, ValueError, OSError):  # of an older version, or not a study
            continue
        if other is not None:
            yield Source(str(path.parent), _times(records, data, threads, spec.epochs / other.epochs))


def _times(records: pd.DataFrame, data: Mapping[str, StudyData], threads: int, epochs_ratio: float) -> RunTimes:
    times = RunTimes()
    facts = {"threads": threads, "device": worker_facts()["device"]}
    trained = {name for name, method in methods().items() if method.is_trained}
    for name, one in data.items():
        for kind in KINDS:
            split = one.splits.search if kind == "search" else one.splits.final
            wanted = {
                **facts, "dataset": name, "kind": kind, "train_items": len(split.train),
                "database_items": len(split.database), "queries": len(split.queries),
            }  # fmt: skip
            rows = records[records["state"].isin(["complete", "pruned"])]
            for column, value in wanted.items():
                rows = rows[rows[column] == value]
            for method, bits, index, seconds in rows[_OF_A_RUN].itertuples(index=False, name=None):
                ratio = epochs_ratio if method in trained else 1.0
                times.add(Task(kind, Cell(name, method, bits), index), seconds * ratio)
    return times


def wall_seconds(spec: StudySpec, estimates: Mapping[Task, Estimate], slots: int) -> float:
    """How long the tasks take in so many slots: no less than the longest cell, whose trials follow one another."""
    search: dict[Cell, float] = defaultdict(float)
    longest: dict[Cell, float] = defaultdict(float)  # of the runs that a cell has side by side
    for task, one in estimates.items():
        if task.kind == "search":
            search[task.cell] += one.seconds
        else:
            longest[task.cell] = max(longest[task.cell], one.seconds)
    chains = [search[cell] / spec.parallel_trials + longest[cell] for cell in {task.cell for task in estimates}]
    return max(sum(one.seconds for one in estimates.values()) / slots, max(chains, default=0.0))
