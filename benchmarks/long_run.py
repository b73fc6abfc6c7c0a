"""What grows while a study runs for hours?

    python -m benchmarks.long_run [--runs 20000] [--every 500] [--slots 2]

Drives the whole path of run_study.py (sampling by TPE, pruning, journal, Ray Tune, records) with a stand-in that takes
no time and says that a run took 2.88 s: 20,000 runs in two slots are eight hours. Of its runs 2% raise, 2% diverge, one
in 2,000 kills its worker, and the pruner stops what is poor. Every so many runs it looks at the driver's memory, file
handles and threads, at the memory of Ray's processes and of the workers, and at the disk that study and Ray take; then
it says how much of each 1,000 runs more take, by a line through the second half of what was seen.
Exit code 1 where handles or threads grow, or runs are missing from the records.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil
import ray
from rich.console import Console

from benchmarks import stand_in
from study.drive.recorder import Recorder
from study.drive.runner import run_study
from study.options import Resources, RunOptions
from study.plan.spec import StudySpec
from study.plan.tasks import all_tasks, searched_cells

METHODS = ("gcn", "chebyshev", "lanczos", "spline", "fourier")
MIB = 2**20
#: Handles or threads for 1,000 runs that are none: an opened log file more or less.
NOISE = 0.5


@dataclass(frozen=True)
class Seen:
    """What there was after so many runs: sizes in MiB, `ray` and `workers` of all their processes together."""

    runs: int
    driver: float
    handles: int
    threads: int
    ray: float
    workers: float
    study: float
    session: float

    def row(self) -> str:
        return (
            f"{self.runs:>7} {self.driver:>8.0f} {self.handles:>7} {self.threads:>7} {self.ray:>7.0f} "
            f"{self.workers:>8.0f} {self.study:>9.2f} {self.session:>9.2f}"
        )


HEADING = "   runs   driver handles threads     ray  workers     study   session"


class Watch:
    """Looks at everything as each of so many runs ends."""

    def __init__(self, every: int, folder: Path) -> None:
        self._every, self._folder = every, folder
        self._runs = 0
        self.seen: list[Seen] = []

    def ended(self) -> None:
        """One more run has."""
        self._runs += 1
        if self._runs % self._every == 0:
            self.seen.append(self._look())
            print(self.seen[-1].row(), flush=True)

    def _look(self) -> Seen:
        driver = psutil.Process()
        ray_, workers = 0, 0
        for child in driver.children(recursive=True):
            try:
                name, size = child.name(), child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            if name.startswith("ray::"):
                workers += size
            else:
                ray_ += size
        node: Any = ray._private.worker._global_node
        session = Path(node.get_session_dir_path())
        return Seen(
            self._runs, driver.memory_info().rss / MIB, driver.num_fds(), driver.num_threads(), ray_ / MIB,
            workers / MIB, _size(self._folder), _size(session),
        )  # fmt: skip


def _size(folder: Path) -> float:
    """What lies in a folder, in MiB on the disk."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total / MIB


def spec_of(runs: int) -> StudySpec:
    """A study of about so many runs in 75 cells, or in 5 where that would be few in each."""
    large = runs > 3_000
    values = {
        "name": "long", "datasets": [f"set{number}" for number in range(3 if large else 1)], "methods": METHODS,
        "bits": [16, 32, 48, 64, 128] if large else [16], "baselines": [], "trials": 1, "replicates": 5,
        "epochs": stand_in.EPOCHS, "report_every": 1, "sampler": {"name": "tpe", "startup_trials": 10},
        "pruner": {"name": "median", "startup_trials": 5},
        "space": {
            "knn_size": {"type": "int", "low": 4, "high": 24, "log": True},
            "alpha": {"type": "float", "low": 0.5, "high": 4.0, "log": True},
            "lambda_rec": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
            "learning_rate": {"type": "float", "low": 0.003, "high": 0.03, "log": True},
        },
    }  # fmt: skip
    spec = StudySpec.model_validate(values)
    tests = sum(task.kind == "test" for task in all_tasks(spec))
    return StudySpec.model_validate({**values, "trials": max(1, (runs - tests) // len(searched_cells(spec)))})


def growth(seen: list[Seen]) -> dict[str, float]:
    """How much of each comes with 1,000 runs, by least squares over the second half."""
    half = seen[len(seen) // 2 :]
    runs = [one.runs / 1000 for one in half]
    names = [name for name in asdict(half[0]) if name != "runs"]
    return {name: float(np.polyfit(runs, [getattr(one, name) for one in half], 1)[0]) for name in names}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="What grows while a study runs for hours?")
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--every", type=int, default=500, help="runs between two looks")
    parser.add_argument("--slots", type=int, default=2, help="runs at once")
    given = parser.parse_args()
    stand_in.travel_light()
    spec, end = spec_of(given.runs), Recorder.end
    planned = len(all_tasks(spec))
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(given.every, Path(folder))

        def counted(recorder: Recorder, run_id: str) -> None:
            end(recorder, run_id)
            watch.ended()

        print(HEADING)
        began = time.monotonic()
        cpus = math.floor(100 * psutil.cpu_count() / given.slots) / 100
        options = RunOptions(runs_dir=Path(folder), resources=Resources(cpus=cpus), max_concurrent=given.slots)
        with mock.patch("study.drive.runner.load_data", return_value={}), mock.patch.object(Recorder, "end", counted):
            result = run_study(spec, options, Console(quiet=True), stand_in.Eventful)
        seconds = time.monotonic() - began
    print(f"{len(result.records)} of {planned} runs in {seconds:.0f} s, {seconds / planned * 1000:.0f} ms each, "
          f"{planned * stand_in.SIMULATED / given.slots / 3600:.1f} simulated hours: "
          f"{dict(Counter(result.records['state']))}")  # fmt: skip
    if len(watch.seen) < 4:
        print("too few looks for a line, give fewer runs between them")
        return 0
    found = growth(watch.seen)
    print("for 1,000 runs more: " + ", ".join(f"{name} {value:+.2f}" for name, value in found.items()))
    grown = [name for name in ("handles", "threads") if found[name] > NOISE]
    return 1 if grown or len(result.records) != planned else 0


if __name__ == "__main__":
    sys.exit(main())
