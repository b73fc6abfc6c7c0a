"""Does a study come out the same when things are killed and break under it?

    python -m benchmarks.faults [--runs 20] [--first-seed 0]

Every run is a small study on four Ray nodes of this machine, kept in a journal, an SQLite file or a PostgreSQL
database, while a seeded script strikes at random moments. It kills processes of workers, whole nodes (another one joins
later), the driver (the same command is given again) and the head node (the driver ends, and is started again on another
cluster). For some seconds it fills the disk that the study lies on, moves the SQLite file away or stops the server, and
has the SQLite file locked or the way to the server slow; a driver that stops meanwhile, which it must do in one line
and with exit code 2, is started again at once, however broken things are. In the end the records must be those of an
undisturbed run, each once, in everything but times and places, no trial may be left open, and `verify` must have
nothing to say.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
import psutil

from analysis.study_records import load_study
from analysis.verify import verify
from benchmarks.breakable.disk import full, small_disk
from benchmarks.breakable.driver import Driver
from benchmarks.breakable.postgresql import NoServerError, Server, SlowWay, server
from benchmarks.breakable.storages import FULL_DISK, STORAGES, Break, Database, JournalFile, SqliteFile, Storage
from benchmarks.local_cluster import LocalCluster, local_cluster
from hasher.command_line import command
from hasher.console import SafeConsole
from run_study import conclude
from study.drive.runner import run_study
from study.options import RunOptions
from study.plan.spec import StudySpec
from study.record.sampling import open_storage
from study.record.stored import stored_trials
from study.work.trainable import HasherTrainable, Steps

ROOT = Path(__file__).resolve().parents[1]
NODES = 4
KILLS = ("worker", "worker", "node", "driver", "head")
#: Seconds that a fault lasts where it is not a kill.
SHORTEST, LONGEST = 3.0, 12.0
#: Seconds after which Ray ends a driver that has lost its head node; 60 unless told.
PATIENCE = 5
#: What may differ between two runs of one study: a commit may be made meanwhile.
TIMES_AND_PLACES = ["started", "seconds", "device_seconds", "host", "device", "threads", "together", "optuna_trial",
                    "commit"]  # fmt: skip
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

    def advance(self) -> Steps:
        time.sleep(0.25)
        return super().advance()


@dataclass(frozen=True)
class Fault:
    """What is struck, so many seconds after the end of the fault before it (the first: after the start)."""

    after: float
    kind: str
    lasts: float


@dataclass
class Place:
    """Where one study is: its folders, its storage, and what of that can break for a while."""

    runs_dir: Path
    storage: Storage
    breaks: dict[str, Break]

    @property
    def log(self) -> Path:
        """Where its drivers print; not on its disk."""
        return self.runs_dir.with_name("driver.log")


@dataclass
class Outcome:
    """What came of one run. `stops` are drivers that ended in a line, by the fault that struck before."""

    records: pd.DataFrame
    seconds: float
    drivers: int
    faults: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  #: drivers that did not end as they may, and what `verify` says


@command
def drive(arguments: Sequence[str] | None = None) -> int:
    """Run the study, or what is left of it, as run_study.py does: what the process of the driver does."""
    runs_dir, address, storage = arguments or sys.argv[2:]
    console = SafeConsole()
    options = RunOptions(runs_dir=Path(runs_dir), address=address, storage=storage or None)
    result = run_study(SPEC, options, console, UnhurriedTrainable)
    return conclude(result, options.data_dir, console)


class Ordeal:
    """A study that runs to its end under the faults planned for it; nodes that die are replaced."""

    def __init__(self, cluster: LocalCluster, place: Place, planned: list[Fault], rng: random.Random) -> None:
        self._cluster, self._place, self._rng = cluster, place, rng
        self._nodes = len(cluster.nodes)
        self._pending = [fault for fault in planned if fault.kind in {*KILLS, *place.breaks}]
        self._most = 3 + sum(2 + int(fault.lasts) for fault in self._pending)
        self._broken, self._until, self._last = ExitStack(), 0.0, ""
        self._outcome = Outcome(pd.DataFrame(), 0.0, 0)
        place.runs_dir.mkdir(parents=True, exist_ok=True)

    def run(self) -> Outcome:
        """Until the driver ends with exit code 0."""
        began = mended = time.monotonic()
        driver, found = self._start(), self._outcome
        with self._broken:
            while driver.process.poll() != 0:
                if driver.process.returncode is not None:
                    self._note_end(driver)
                    driver = self._start()
                if self._until:
                    if time.monotonic() >= self._until:
                        self._broken.close()
                        self._until, mended = 0.0, time.monotonic()
                elif self._is_due(mended) and self._strike(self._pending[0], driver):
                    self._pending.pop(0)
                    mended = time.monotonic()
                while len(self._cluster.nodes) < self._nodes and self._rng.random() < 0.1:
                    self._cluster.add(num_cpus=1)
                time.sleep(0.1)
        found.seconds = time.monotonic() - began
        folder = self._place.runs_dir / SPEC.name
        found.records = pd.read_csv(folder / "records.csv")
        found.wrong += verify(load_study(folder, None))
        url = self._place.storage.url or str(folder / "journal.log")
        found.wrong += [f"trial {one.number} is open" for one in stored_trials(SPEC, open_storage(url))
                        if not one.state.is_finished()]  # fmt: skip
        return found

    def _is_due(self, mended: float) -> bool:
        return bool(self._pending) and time.monotonic() - mended >= self._pending[0].after

    def _start(self) -> Driver:
        self._outcome.drivers += 1
        if self._outcome.drivers > self._most:
            raise RuntimeError(f"the driver does not stay alive: {self._place.log}")
        words = ["--drive", str(self._place.runs_dir), self._cluster.address, self._place.storage.url or ""]
        environment = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": str(PATIENCE)}
        return Driver([sys.executable, "-m", "benchmarks.faults", *words], ROOT, environment, self._place.log)

    def _note_end(self, driver: Driver) -> None:
        if driver.has_stopped_in_a_line:
            self._outcome.stops[self._last] += 1
            print(f"  {self._last}: {driver.reason()}", flush=True)
        elif driver.complaint:
            self._outcome.wrong.append(driver.complaint)

    def _strike(self, fault: Fault, driver: Driver) -> bool:
        """False where there is no such thing to kill yet, or nothing to break."""
        if fault.kind in self._place.breaks:
            if not (self._place.runs_dir / SPEC.name / "study.yaml").exists():  # nor an SQLite file, maybe
                return False
            self._broken.enter_context(self._place.breaks[fault.kind]())
            self._until = time.monotonic() + fault.lasts
        elif not self._kill(fault.kind, driver):
            return False
        self._last = fault.kind
        self._outcome.faults[fault.kind] += 1
        return True

    def _kill(self, kind: str, driver: Driver) -> bool:
        if kind in ("driver", "head"):
            driver.excused = True
            if kind == "driver":
                driver.process.kill()
            else:
                self._cluster.replace()
            driver.process.wait(timeout=300)
            return True
        workers = [each for each in self._cluster.workers() if each.create_time() > driver.began]  # of no driver before
        targets = self._cluster.nodes if kind == "node" else workers
        if targets:
            kill = self._cluster.kill if kind == "node" else psutil.Process.kill
            kill(self._rng.choice(targets))
        return bool(targets)


def plan(rng: random.Random, seconds: float, storage: str) -> list[Fault]:
    """Two to five faults for a study that takes so many seconds when nothing happens to it, one of which lasts."""
    lasting = STORAGES[storage]
    kinds = [rng.choice(lasting), *(rng.choice((*KILLS, *lasting)) for _ in range(rng.randint(1, 4)))]
    rng.shuffle(kinds)
    return [Fault(rng.uniform(0.05, 0.25) * seconds, kind, rng.uniform(SHORTEST, LONGEST)) for kind in kinds]


def comparable(records: pd.DataFrame) -> pd.DataFrame:
    """Records without times and places, in one order."""
    kept = records.drop(columns=TIMES_AND_PLACES)
    return kept.sort_values(["kind", "dataset", "method", "bits", "index"], ignore_index=True)


@contextmanager
def _server() -> Iterator[Server | None]:
    """A PostgreSQL server; None, with a word, where there can be none."""
    with ExitStack() as closing:
        try:
            started = closing.enter_context(server())
        except NoServerError as error:
            print(f"without PostgreSQL: {error}")
            started = None
        yield started


@contextmanager
def placed(kind: str, folder: Path, name: str, database: Server | None) -> Iterator[Place]:
    """A place for a study on a disk of its own, where there can be one."""
    runs_dir = folder / "disk"
    with ExitStack() as closing:
        breaks: dict[str, Break] = {}
        try:
            closing.enter_context(small_disk(runs_dir))
            breaks = {FULL_DISK: partial(full, runs_dir)}
        except OSError as error:
            print(f"without a disk that could be full: {error.strerror}")
        storage: Storage = JournalFile()
        if kind == "sqlite":
            storage = SqliteFile(runs_dir / "studies.db")
        elif database is not None and kind == "postgresql":
            way = SlowWay(database)
            closing.callback(way.close)
            storage = Database(database, way, name)
        yield Place(runs_dir, storage, {**breaks, **storage.breaks})


def stress(seeds: range, nodes: int, folder: Path) -> int:
    """Run undisturbed once and disturbed for each seed, on so many nodes; returns how many came out wrong."""
    wrong, runs = 0, 0
    faults: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    with local_cluster(nodes, num_cpus=1) as cluster, _server() as database:
        calm = Ordeal(cluster, Place(folder / "calm" / "disk", JournalFile(), {}), [], random.Random(0)).run()
        print(f"undisturbed: {len(calm.records)} records in {calm.seconds:.0f} s {calm.wrong or ''}", flush=True)
        for seed in seeds:
            rng = random.Random(seed)
            kind = rng.choice(sorted(STORAGES))
            if kind == "postgresql" and database is None:
                print(f"seed {seed}: not run, it is for PostgreSQL")
                continue
            with placed(kind, folder / str(seed), f"seed{seed}", database) as place:
                found = Ordeal(cluster, place, plan(rng, calm.seconds, kind), rng).run()
            same = comparable(found.records).equals(comparable(calm.records)) and not found.wrong
            wrong, runs, faults, stops = wrong + (not same), runs + 1, faults + found.faults, stops + found.stops
            print(
                f"seed {seed}, {kind}: {len(found.records)} records in {found.seconds:.0f} s, "
                f"{_in_words(found.faults)}, {found.drivers} drivers: "
                f"{'the same' if same else f'DIFFERENT {found.wrong}'}",
                flush=True,
            )
    print(_table(faults, stops))
    print(f"{runs - wrong} of {runs} disturbed runs gave the records of the undisturbed one")
    return wrong


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


def _table(faults: Mapping[str, int], stops: Mapping[str, int]) -> str:
    rows = [f"{'fault':<14} {'times':>5} {'drivers that stopped in a line':>31}"]
    return "\n".join(rows + [f"{kind:<14} {faults[kind]:>5} {stops.get(kind, 0):>31}" for kind in sorted(faults)])


def main() -> int:
    """The command. Exit code 1 where a run came out wrong."""
    if sys.argv[1:2] == ["--drive"]:
        return drive()
    parser = argparse.ArgumentParser(description="Kill and break what a study needs, while it runs.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(given.first_seed, given.first_seed + given.runs)
        return min(1, stress(seeds, NODES, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
