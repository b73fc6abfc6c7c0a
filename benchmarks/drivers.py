"""Do several drivers that share a study run all of it, each run once, when one is killed?

    python -m benchmarks.drivers [--runs 5] [--first-seed 0] [--drivers 3] [--storage URL]

Every run is a small study (that of ``benchmarks.faults``) whose drivers are processes that share it (``--share``) on
one Ray cluster and one database: SQLite, or what ``--storage`` names. At a random moment one of them is killed, and is
not started again. Then the records must be those of a driver alone, each once, in everything but times and places, and
`verify` must have nothing to say.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd
from rich.console import Console

from analysis.study_records import load_study
from analysis.tables import write_tables
from analysis.verify import verify
from benchmarks.faults import PATIENCE, ROOT, SPEC, UnhurriedTrainable, comparable
from benchmarks.local_cluster import LocalCluster, local_cluster
from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.spec import StudySpec

#: Seconds within which a driver that has been started is killed.
EARLIEST, LATEST = 6.0, 30.0
_NODES = 2


def drive(spec: StudySpec, options: RunOptions) -> None:
    """Run what there is of a study for this driver to run: what the process of one does."""
    run_study(spec, options, Console(), UnhurriedTrainable)


def _start(folder: Path, name: str, storage: str, address: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "drivers.log").open("ab") as log:
        command = [sys.executable, "-m", "benchmarks.drivers", "--drive", str(folder), name, storage, address]
        environment = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": str(PATIENCE)}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def share(
    cluster: LocalCluster, folder: Path, name: str, storage: str, drivers: int, rng: random.Random
) -> pd.DataFrame:
    """The records of a study that so many drivers ran, of which one was killed."""
    running = [_start(folder, name, storage, cluster.address) for _ in range(drivers)]
    time.sleep(rng.uniform(EARLIEST, LATEST))
    victim = running.pop(rng.randrange(len(running)))
    victim.kill()
    victim.wait()
    for driver in running:
        driver.wait()
    if any(driver.returncode for driver in running):
        raise RuntimeError(f"a driver failed:\n{(folder / 'drivers.log').read_text()[-3000:]}")
    return pd.read_csv(folder / name / "records.csv")


def stress(runs: int, first_seed: int, drivers: int, storage: str | None, folder: Path) -> int:
    """Run the study alone once and shared `runs` times; returns how many came out different."""
    different = 0
    with local_cluster(_NODES, num_cpus=1) as cluster:
        run_study(SPEC, RunOptions(runs_dir=folder / "alone", address=cluster.address), Console(quiet=True),
                  UnhurriedTrainable)  # fmt: skip
        alone = comparable(pd.read_csv(folder / "alone" / SPEC.name / "records.csv"))
        for seed in range(first_seed, first_seed + runs):
            name, place = f"{SPEC.name}-{seed}", folder / str(seed)
            url = storage or f"sqlite:///{folder / f'{seed}.db'}"
            began = time.monotonic()
            records = share(cluster, place, name, url, drivers, random.Random(seed))
            each = Counter(records[["kind", "method", "bits", "index"]].itertuples(index=False, name=None))
            twice = [task for task, times in each.items() if times > 1]
            found = comparable(records.assign(optuna_study=records["optuna_study"].str.replace(name, SPEC.name)))
            study = load_study(place / name, None)
            write_tables(study)
            said = verify(load_study(place / name, None))
            same = found.equals(alone) and not twice and not said
            different += not same
            print(f"seed {seed}: {len(records)} records in {time.monotonic() - began:.0f} s: "
                  f"{'the same' if same else f'DIFFERENT {twice} {said}'}", flush=True)  # fmt: skip
    print(f"{runs - different} of {runs} runs by {drivers} drivers, one killed, gave the records of a driver alone")
    return different


def main() -> int:
    """The command. Exit code 1 where a run came out different."""
    parser = argparse.ArgumentParser(description="Kill one of several drivers that share a study.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--drivers", type=int, default=3)
    parser.add_argument("--storage", metavar="URL", help="an empty database (default: SQLite files of its own)")
    parser.add_argument("--drive", nargs=4, metavar=("RUNS_DIR", "NAME", "URL", "ADDRESS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        folder, name, url, address = given.drive
        options = RunOptions(runs_dir=Path(folder), storage=url, share=True, address=address)
        drive(SPEC.model_copy(update={"name": name}), options)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return min(1, stress(given.runs, given.first_seed, given.drivers, given.storage, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
