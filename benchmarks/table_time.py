"""Wall time of a whole filter × bits table: a study, and the released code's way of getting one.

    python benchmarks/table_time.py [SPACE.yaml] [--bits 16 32] [--trials N] [--replicates N] [--runs-dir RUNS]

Theirs: one process, cell after cell, run after run, every run for all of its epochs, nothing given up. It is given what
the study found out, the configurations it tried and its winners, and does the same runs with the same trainer on the
same splits, on every core that PyTorch takes by itself. One run of each, the study first; its time includes Ray.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from study.command import DEFAULT_SPACE
from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.space_file import read_spec
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task, all_tasks
from study.work.data import load_data
from study.work.runs import start_work

DATA = Path("data")


def tried(spec: StudySpec, records: pd.DataFrame) -> Iterator[Job]:
    """The study's runs as jobs, cell after cell, each for all epochs."""
    for record in records.sort_values(["dataset", "method", "bits"], kind="stable").to_dict("records"):
        task = Task(
            record["kind"], Cell(record["dataset"], record["method"], int(record["bits"])), int(record["index"])
        )
        config = None
        if task.cell.method not in REFERENCES:
            method = find_method(task.cell.method)
            known = method.Config.model_fields.keys() & record.keys()
            values = {name: record[name] for name in known if not pd.isna(record[name])}
            config = method.configure({**values, "epochs": spec.epochs} if method.is_trained else values)
        yield Job(task, int(record["seed"]), config, spec.epochs, spec.objective, spec.k)


def main() -> None:
    """Run the study, then the loop; print both times and their ratio."""
    parser = argparse.ArgumentParser(description="A whole table by a study, and by a plain loop.")
    parser.add_argument("space", nargs="?", type=Path, default=DEFAULT_SPACE)
    parser.add_argument("--bits", nargs="+", type=int)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--runs-dir", type=Path, help="where the study is kept (default: nowhere)")
    given = parser.parse_args()
    overrides: dict[str, Any] = {name: getattr(given, name) for name in ("bits", "trials", "replicates")}
    spec = read_spec(given.space, {name: value for name, value in overrides.items() if value is not None})
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        options = RunOptions(runs_dir=given.runs_dir or Path(folder), data_dir=DATA)
        result = run_study(spec, options, Console(quiet=True))
        ours = time.perf_counter() - began
    states = result.records["state"].value_counts().to_dict()
    print(f"study: {ours:.1f} s for {len(result.records)} of {len(all_tasks(spec))} runs {states}", flush=True)
    began = time.perf_counter()
    data = load_data(spec, DATA)
    for job in tried(spec, result.records):
        work = start_work(job, data[job.task.cell.dataset])
        while work.step().state == "running":
            pass
    theirs = time.perf_counter() - began
    print(f"loop:  {theirs:.1f} s for the same runs without pruning, {torch.get_num_threads()} threads")
    print(f"loop / study: {theirs / ours:.2f}")


if __name__ == "__main__":
    main()
