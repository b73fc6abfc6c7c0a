"""Does a study come out the same when workers, nodes and drivers are killed under it?

    python -m benchmarks.faults [--runs 20] [--first-seed 0]

Every run is a small study on four Ray nodes of this machine while a seeded script kills, at random moments, processes
of workers, whole nodes (another one joins later), the driver (the same command is given again) and the head node (the
driver ends, and is started again on another cluster). Its records must be those of an undisturbed run, each once, in
everything but times and places.
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
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import psutil
from rich.console import Console

from benchmarks.local_cluster import LocalCluster, local_cluster
from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.spec import StudySpec
from study.work.runs import Step
from study.work.trainable import HasherTrainable

ROOT = Path(__file__).resolve().parents[1]
NODES = 4
KINDS = ("worker", "worker", "node", "driver", "head")
#: Seconds after which Ray ends a driver that has lost its head node; 60 unless told.
PATIENCE = 5
#: What may differ between two runs of one study: a commit may be made meanwhile.
TIMES_AND_PLACES = ["started", "seconds", "device_seconds", "host", "device", "threads", "optuna_trial", "commit"]
SPEC = StudySpec.model_validate({
    "name": "faults", "datasets": ["digits"], "methods": ["none", "gcn", "chebyshev"], "bits": [16], "trials": 4,
    "replicates": 2, "epochs": 12, "report_every": 2, "checkpoint_every": 1,
    "sampler": {"name": "tpe", "startup_trials": 2}, "pruner": {"name": "median", "startup_trials": 2},
    "fixed": {"batch_size": 256, "ae_width": 32},
    "space": {
        "knn_size": {"type": "int", "low": 4, "high": 24},
        "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    },
})  # fmt: skip


class UnhurriedTrainable(HasherTrainable):
    """A hasher whose steps take long enough to be hit in."""

    def advance(self) -> Step:
        time.sleep(0.25)
        return super().advance()


@dataclass(frozen=True)
class Fault:
    """What is killed, so many seconds after the fault before it (the first: after the start)."""

    after: float
    kind: str


@dataclass
class Outcome:
    """One run: how many faults of each kind hit it, how often the driver was started, and what came of it."""

    records: pd.DataFrame
    seconds: float
    drivers: int
    faults: Counter[str] = field(default_factory=Counter)


def drive(runs_dir: Path, address: str) -> int:
    """Run the study, or what is left of it: what the process of the driver does."""
    options = RunOptions(runs_dir=runs_dir, address=address)
    return 1 if run_study(SPEC, options, Console(), UnhurriedTrainable).counts.left else 0


def run(cluster: LocalCluster, runs_dir: Path, planned: list[Fault], rng: random.Random) -> Outcome:
    """Run the study to its end under the faults that are planned for it; nodes that die are replaced."""
    began, nodes = time.monotonic(), len(cluster.nodes)
    driver, drivers = _start(cluster, runs_dir), 1
    faults: Counter[str] = Counter()
    pending = list(planned)
    last = began
    while True:
        code = driver.poll()
        if code == 0:
            break
        if code is not None:
            driver, drivers = _start(cluster, runs_dir), drivers + 1
            if drivers > len(planned) + 3:
                raise RuntimeError(f"the driver does not stay alive: {runs_dir / 'driver.log'}")
        due = bool(pending) and time.monotonic() - last >= pending[0].after
        if due and _strike(pending[0].kind, cluster, driver, rng):
            faults[pending.pop(0).kind] += 1
            last = time.monotonic()
        while len(cluster.nodes) < nodes and rng.random() < 0.1:
            cluster.add(num_cpus=1)
        time.sleep(0.1)
    records = pd.read_csv(runs_dir / SPEC.name / "records.csv")
    return Outcome(records, time.monotonic() - began, drivers, faults)


def _start(cluster: LocalCluster, runs_dir: Path) -> subprocess.Popen[bytes]:
    runs_dir.mkdir(parents=True, exist_ok=True)
    with (runs_dir / "driver.log").open("ab") as log:
        command = [sys.executable, "-m", "benchmarks.faults", "--drive", str(runs_dir), cluster.address]
        environment = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": str(PATIENCE)}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def _strike(kind: str, cluster: LocalCluster, driver: subprocess.Popen[bytes], rng: random.Random) -> bool:
    """Kill something; False where there is no such thing yet."""
    if kind == "driver":
        driver.kill()
        driver.wait()
    elif kind == "head":
        cluster.replace()
        driver.wait(timeout=60)
    else:
        targets = cluster.nodes if kind == "node" else cluster.workers()
        if not targets:
            return False
        kill = cluster.kill if kind == "node" else psutil.Process.kill
        kill(rng.choice(targets))
    return True


def plan(rng: random.Random, seconds: float) -> list[Fault]:
    """Two to five faults for a study that takes so many seconds when nothing happens to it."""
    return [Fault(rng.uniform(0.1, 0.4) * seconds, rng.choice(KINDS)) for _ in range(rng.randint(2, 5))]


def comparable(records: pd.DataFrame) -> pd.DataFrame:
    """Records without times and places, in one order."""
    kept = records.drop(columns=TIMES_AND_PLACES)
    return kept.sort_values(["kind", "dataset", "method", "bits", "index"], ignore_index=True)


def stress(runs: int, first_seed: int, nodes: int, folder: Path) -> int:
    """Run undisturbed once and disturbed `runs` times on so many nodes; returns how many came out different."""
    different = 0
    with local_cluster(nodes, num_cpus=1) as cluster:
        undisturbed = run(cluster, folder / "undisturbed", [], random.Random(0))
        print(f"undisturbed: {len(undisturbed.records)} records in {undisturbed.seconds:.0f} s", flush=True)
        for seed in range(first_seed, first_seed + runs):
            rng = random.Random(seed)
            found = run(cluster, folder / str(seed), plan(rng, undisturbed.seconds), rng)
            same = comparable(found.records).equals(comparable(undisturbed.records))
            different += not same
            hit = ", ".join(f"{count} {kind}" for kind, count in sorted(found.faults.items()))
            print(
                f"seed {seed}: {len(found.records)} records in {found.seconds:.0f} s, killed {hit or 'nothing'}, "
                f"{found.drivers} drivers: {'the same' if same else 'DIFFERENT'}",
                flush=True,
            )
    print(f"{runs - different} of {runs} disturbed runs gave the records of the undisturbed one")
    return different


def main() -> int:
    """The command. Exit code 1 where a run came out different."""
    parser = argparse.ArgumentParser(description="Kill workers, nodes, drivers and head nodes under a study.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--drive", nargs=2, metavar=("RUNS_DIR", "ADDRESS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        return drive(Path(given.drive[0]), given.drive[1])
    with tempfile.TemporaryDirectory() as folder:
        return min(1, stress(given.runs, given.first_seed, NODES, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
