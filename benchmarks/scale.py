"""What the driver of a study costs, and how well it keeps many slots busy, with a stand-in trainable that sleeps.

    python benchmarks/scale.py [--runs 100 1000] [--slots 2 16] [--seconds 0.1] [--ways study bare per-cell] [--pairs 1]

Ways of doing the same number of runs, each in a process and a Ray of its own, one after another, alternating:

- `study`: `run_study` as it is: sampling (TPE, seven hyperparameters), pruning, journal, ledger, records;
- `bare`: Tune's loop with a searcher that does nothing, nothing recorded: the yardstick;
- `lean`: the same without what Tune's FIFO order adds to it, as the study is: it looks through all trials so far at
  every event, and ends workers that are still starting;
- `per-cell`: one Tuner with Ray's own OptunaSearch for every cell, one cell after another, nothing recorded.

Slots are shares of this machine's cores; the stand-in needs next to none. Busy: the share of slot time spent in runs,
from study.plan.tasks import searched_cells
from when every slot has a worker to the start of the last run (`per-cell`: from the first start to the last end).
Overhead: what a run costs beyond its own seconds, as slot time. Driver CPU counts everything its process does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import stand_in

FILTERS = ("gcn", "chebyshev", "lanczos", "spline", "fourier")
#: Data sets and code lengths, times five filters: 5, 25 or 75 cells. A cell searches one trial at a time.
CELLS = ((1, 1), (1, 5), (3, 5))
BITS = (16, 32, 48, 64, 128)
SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "TUNE_GLOBAL_CHECKPOINT_S": "3600", "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """One row: how many runs, in how many slots, of how many seconds each."""

    runs: int
    slots: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """What one way took for one size."""

    way: str
    runs: int
    cells: int
    slots: int
    seconds: float
    workers: int  #: processes that did runs
    wall: float  #: from the first start to the last end
    busy: float
    overhead: float  #: slot time a run, in seconds
    throughput: float  #: runs a second, over the time that `busy` is of
    cpu: float  #: driver CPU seconds a result
    peak: float  #: MiB of the driver
    before: float  #: MiB of it before it began

    def row(self) -> str:
        return (
            f"{self.way:>8} {self.runs:>6} {self.cells:>5} {self.slots:>5} {self.seconds:>6g} {self.workers:>7} "
            f"{self.wall:>8.1f} {self.throughput:>6.2f} {self.busy:>6.1%} {self.overhead:>8.3f} "
            f"{self.cpu * 1e3:>6.1f} {self.before:>6.0f} {self.peak:>6.0f}"
        )


HEADING = "     way   runs cells slots  sleep workers   wall s runs/s   busy overh. s CPU ms    MiB   peak"


def study_spec(size: Size) -> Any:
    """A study of about so many runs, test runs included."""
    from study.plan.spec import StudySpec
    from study.plan.tasks import all_tasks, searched_cells

    enough = (size.runs > 300) + (size.runs > 3_000), (size.slots > 4) + (size.slots > 20)
    datasets, bits = CELLS[max(enough)]
    values: dict[str, Any] = {
        "name": "scale", "datasets": [f"set{number}" for number in range(datasets)], "methods": FILTERS,
        "bits": BITS[:bits], "trials": 1, "replicates": 1, "epochs": 1,
        "space": {
            "knn_size": {"type": "int", "low": 4, "high": 24, "log": True},
            "ae_width": {"type": "categorical", "choices": [64, 128]},
            "alpha": {"type": "float", "low": 0.5, "high": 4.0, "log": True},
            "lambda_rec": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
            "lambda_quant": {"type": "float", "low": 0.01, "high": 0.3, "log": True},
            "lambda_bal": {"type": "float", "low": 0.01, "high": 0.3, "log": True},
            "learning_rate": {"type": "float", "low": 0.003, "high": 0.03, "log": True},
        },
    }  # fmt: skip
    spec = StudySpec.model_validate(values)
    count = len(searched_cells(spec))
    tests = sum(task.kind == "test" for task in all_tasks(spec))
    values["trials"] = max(1, (size.runs - tests) // count)
    return StudySpec.model_validate(values)


def study(size: Size, folder: Path) -> list[dict[str, Any]]:
    """The whole path of run_study.py; the stand-in looks at no data."""
    from rich.console import Console

    from study.drive.runner import run_study
    from study.options import Resources, RunOptions

    options = RunOptions(runs_dir=folder, resources=Resources(cpus=_share(size)), max_concurrent=size.slots)
    with mock.patch("study.drive.runner.load_data", return_value={}):
        result = run_study(study_spec(size), options, Console(quiet=True), stand_in.sleeping(size.seconds))
    return [dict(record) for _, record in result.records[["started", "seconds", "device"]].iterrows()]


def bare(size: Size, folder: Path, scheduler: Any = None) -> list[dict[str, Any]]:
    """Tune's loop by itself, for as many runs as the study has."""
    from ray.tune.search import Searcher

    from study.plan.tasks import Job, all_tasks

    spec = study_spec(size)
    task, count = all_tasks(spec)[0], len(all_tasks(spec))
    job = Job(task, 1, spec.configure(task.cell.method, task.cell.bits, {}), 1, spec.objective, spec.k)

    class Nothing(Searcher):
        given = 0

        def suggest(self, trial_id: str) -> Any:
            if self.given == count:
                return Searcher.FINISHED
            self.given += 1
            return {"jobs": [job]}

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None: ...

        def save(self, checkpoint_path: str) -> None: ...

        def restore(self, checkpoint_path: str) -> None: ...

    with _ray():
        return _tune(size, folder, search_alg=Nothing(), num_samples=-1, scheduler=scheduler)


def lean(size: Size, folder: Path) -> list[dict[str, Any]]:
    """The bare loop with the study's scheduler, which leaves the choice to the controller."""
    from ray.tune.schedulers import FIFOScheduler

    class Unopinionated(FIFOScheduler):
        def choose_trial_to_run(self, tune_controller: Any) -> None:
            return None

    return bare(size, folder, Unopinionated())


def per_cell(size: Size, folder: Path) -> list[dict[str, Any]]:
    """A Tuner and an OptunaSearch for every cell, one cell after another, with the study's runs shared out evenly."""
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    from study.plan.dimensions import distributions
    from study.plan.tasks import all_tasks, searched_cells

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec = study_spec(size)
    planned, count = searched_cells(spec), len(all_tasks(spec))
    outcomes = []
    with _ray():
        for number, cell in enumerate(planned):
            search = OptunaSearch(
                distributions(spec.space_for(cell.method)), metric="map", mode="max",
                sampler=optuna.samplers.TPESampler(n_startup_trials=10, seed=number),
            )  # fmt: skip
            share = count // len(planned) + (number < count % len(planned))
            outcomes += _tune(size, folder / str(number), search_alg=search, num_samples=share)
    return outcomes


WAYS: dict[str, Callable[[Size, Path], list[dict[str, Any]]]] = {
    "study": study, "bare": bare, "lean": lean, "per-cell": per_cell,
}  # fmt: skip


@contextmanager
def _ray() -> Iterator[None]:
    from hasher.cluster import connect

    with connect(None):
        yield


def _share(size: Size) -> float:
    """Cores of a slot, in the hundredths that Ray counts exactly."""
    return int(100 * (os.cpu_count() or 1) / size.slots) / 100


def _tune(size: Size, folder: Path, search_alg: Any, num_samples: int, scheduler: Any = None) -> list[dict[str, Any]]:
    from ray import tune
    from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner

    class Collect(tune.Callback):
        def __init__(self) -> None:
            self.outcomes: list[dict[str, Any]] = []

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict, **info: Any) -> None:
            self.outcomes += [step.outcome for step in result.pop("steps")]

        def __getstate__(self) -> dict[str, Any]:
            return {}

    collect = Collect()
    Tuner(
        tune.with_resources(
            tune.with_parameters(stand_in.sleeping(size.seconds), data={}, resources=None), {"cpu": _share(size)}
        ),
        tune_config=TuneConfig(
            search_alg=search_alg, scheduler=scheduler, num_samples=num_samples,
            max_concurrent_trials=size.slots, reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=RunConfig(
            storage_path=str(folder), callbacks=[collect], failure_config=FailureConfig(max_failures=3),
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False), verbose=0,
        ),
    ).fit()  # fmt: skip
    return collect.outcomes


def measure(way: str, size: Size) -> Figures:
    """Do one row, in this process."""
    import study.drive.runner  # noqa: F401 - what has to be imported is not what is measured
    from study.plan.tasks import searched_cells

    stand_in.travel_light()
    before, began = _peak(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = WAYS[way](size, Path(folder))
        cpu = time.process_time() - began
    runs = pd.DataFrame(outcomes)
    started = _seconds(runs["started"])
    ended = started + runs["seconds"]
    begin, end = started.min(), ended.max()
    wall = end - begin
    if way != "per-cell":
        begin, end = started.groupby(runs["device"]).min().max(), started.max()
    inside = (ended.clip(upper=end) - started.clip(lower=begin)).clip(lower=0)
    busy = throughput = math.nan  # where some slots had no worker before the last run started
    if end > begin and (way == "per-cell" or runs["device"].nunique() == size.slots):
        busy = inside.sum() / (size.slots * (end - begin))
        throughput = (inside / runs["seconds"]).sum() / (end - begin)
    return Figures(
        way, len(runs), len(searched_cells(study_spec(size))), size.slots, size.seconds, runs["device"].nunique(), wall,
        busy,
        size.slots / throughput - size.seconds, throughput, cpu / len(runs), _peak(), before,
    )  # fmt: skip


def _seconds(moments: pd.Series) -> pd.Series:
    return (pd.to_datetime(moments) - pd.Timestamp("2000-01-01", tz="UTC")).dt.total_seconds()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(way: str, size: Size) -> Figures:
    """Do one row, in a process of its own."""
    command = [sys.executable, __file__, "--child", way, str(size.runs), str(size.slots), str(size.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **SETTINGS})
    if done.returncode:
        raise RuntimeError(f"{way} {size}:\n{done.stderr}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure the sizes asked for, a row at a time, and what the study took beside the bare loop."""
    parser = argparse.ArgumentParser(description="The driver of a study beside a bare Tune loop.")
    parser.add_argument("--runs", nargs="+", type=int, default=[100], help="100, 1000, 10000 (default: 100)")
    parser.add_argument("--slots", nargs="+", type=int, default=[2], help="default: 2")
    parser.add_argument("--seconds", type=float, default=0.1, help="sleep of a run (default: 0.1)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["study", "bare"])
    parser.add_argument("--pairs", type=int, default=1, help="repetitions, alternating")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, runs, slots, seconds = given.child
        print(json.dumps(asdict(measure(way, Size(int(runs), int(slots), float(seconds))))))
        return
    print(HEADING)
    ratios = []
    for runs in given.runs:
        for slots in given.slots:
            size = Size(runs, slots, given.seconds)
            for _ in range(given.pairs):
                found = {}
                for way in given.ways:
                    found[way] = apart(way, size)
                    print(found[way].row(), flush=True)
                ratios += [_ratio(found, other) for other in found if other != "study" and "study" in found]
    print("\n".join(ratios))


def _ratio(found: dict[str, Figures], other: str) -> str:
    ours, theirs = found["study"], found[other]
    return (
        f"study / {other}, {ours.runs} runs of {ours.seconds:g} s in {ours.slots} slots: "
        f"wall {ours.wall / theirs.wall:.2f}, runs a second {ours.throughput / theirs.throughput:.2f}, "
        f"driver CPU {ours.cpu / theirs.cpu:.2f}"
    )


if __name__ == "__main__":
    main()
