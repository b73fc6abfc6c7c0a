"""How far the estimated cost of a study was from what it then took: ``python benchmarks/cost_error.py runs/digits``.

Steps are timed again, now, as `--dry-run` does for a study that nothing is known of; the times it took are those of its
records. So it must be run on the machine that ran the study, and with nothing else running.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import optuna
import pandas as pd

from hasher.errors import UserError
from study.options import Resources
from study.plan.tasks import all_tasks
from study.record.study_folder import StudyFolder
from study.watch.cost import Source, estimate, wall_seconds
from study.watch.step_times import time_steps
from study.work.data import load_data


def row_of(dataset: str, kind: str, name: str) -> str:
    """Data set and method: the rows of `--dry-run`."""
    return f"{dataset}/{name}"


def compared(what: str, estimates: float, took: float) -> str:
    """One line of the output."""
    return f"{what:>32}: estimates {estimates:7.1f} s, took {took:7.1f} s: {estimates / took:.2f}"


def main() -> None:
    """Print estimates and taken seconds of every data set and method, and of the whole."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description="Estimate cost beside the cost of a finished study.")
    parser.add_argument("study", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--slots", type=int, default=2)
    given = parser.parse_args()
    folder = StudyFolder(given.study)
    try:
        spec = folder.read_spec()
    except UserError as error:
        parser.error(str(error))
    if spec is None:
        parser.error(f"{given.study}: not a study")
    threads = Resources().threads
    data = load_data(spec, given.data_dir)
    estimates = estimate(
        all_tasks(spec), (Source("timed steps", time_steps(spec, name, one, threads)) for name, one in data.items())
    )
    records = pd.read_csv(folder.records, dtype={"dataset": str})
    before: dict[str, float] = defaultdict(float)
    after: dict[str, float] = defaultdict(float)
    for task, one in estimates.items():
        before[row_of(task.cell.dataset, task.kind, task.cell.method)] += one.seconds
    for record in records.to_dict("records"):
        after[row_of(record["dataset"], record["kind"], record["method"])] += record["seconds"]
    for row, seconds in before.items():
        print(compared(row, seconds, after[row]))
    print(compared("device time", sum(before.values()), sum(after.values())))
    started = pd.to_datetime(records["started"])
    wall = ((started + pd.to_timedelta(records["seconds"], unit="s")).max() - started.min()).total_seconds()
    print(compared("wall", wall_seconds(spec, estimates, given.slots), wall))


if __name__ == "__main__":
    main()
