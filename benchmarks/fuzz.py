"""How often do damaged and forged files end in a traceback, a hang or a gigabyte?

    python -m benchmarks.fuzz [--seconds 600] [--seed 0] [--out runs/fuzz]

Cases are dealt to the readers in turn. The first file of every defect is kept below `--out`, with what was printed.
Exit code 1 where there is any.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts threads, which a forked process would wait for

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Process
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.fuzzing.cases import WRONG, Outcome, run_case
from benchmarks.fuzzing.readers import Reader, make_files, readers


@dataclass
class Tally:
    """What became of the cases of one reader, and the defects by what tells them apart."""

    verdicts: Counter[str] = field(default_factory=Counter)
    defects: dict[tuple[str, str], int] = field(default_factory=dict)


def fuzz(reader: Reader, valid: Path, case: tuple[int, int], work: Path) -> tuple[Outcome, Path]:
    """One case, told by seed and number, on a copy of the valid files in `work`; and the file that was changed."""
    rng = random.Random(f"{reader.name}/{case}")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(valid, work)
    path = rng.choice(sorted(path for pattern in reader.files for path in work.glob(pattern)))
    path.write_bytes(reader.change(path.read_bytes(), rng))
    return run_case(reader.read, work), path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), metavar="DIR")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        valid, work = Path(folder, "valid"), Path(folder, "work")
        valid.mkdir()
        making = Process(target=make_files, args=(valid,))  # apart: it starts threads, which no fork has
        making.start()
        making.join()
        assert making.exitcode == 0
        tallies = _run(valid, work, given.seed, given.out, time.monotonic() + given.seconds)
    Console(width=150).print(_table(tallies))
    wrong = sum(tally.verdicts[verdict] for tally in tallies.values() for verdict in WRONG)
    return 1 if wrong else 0


def _run(valid: Path, work: Path, seed: int, out: Path, deadline: float) -> dict[str, Tally]:
    tallies = {reader.name: Tally() for reader in readers()}
    for number, reader in _dealt(deadline):
        outcome, path = fuzz(reader, valid, (seed, number), work)
        tally = tallies[reader.name]
        tally.verdicts[outcome.verdict] += 1
        if outcome.verdict in WRONG:
            key = (outcome.verdict, outcome.detail.split(": ")[0])
            if key not in tally.defects:
                _keep(out / f"{reader.name.replace('/', '-')}-{seed}-{number}", outcome, path)
            tally.defects[key] = tally.defects.get(key, 0) + 1
    return tallies


def _dealt(deadline: float) -> Iterator[tuple[int, Reader]]:
    for number in itertools.count():
        for reader in readers():
            if time.monotonic() > deadline:
                return
            yield number, reader


def _keep(folder: Path, outcome: Outcome, path: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / path.name)
    (folder / "outcome.txt").write_text(f"{outcome.verdict}: {outcome.detail}\n\n{outcome.text}", encoding="utf-8")


def _table(tallies: dict[str, Tally]) -> Table:
    table = Table()
    for heading in ("reader", "cases", "taken", "refused", *WRONG, "defects"):
        table.add_column(heading, justify="left" if heading in ("reader", "defects") else "right")
    for name, tally in tallies.items():
        counts = [str(tally.verdicts[verdict]) for verdict in ("taken", "refused", *WRONG)]
        defects = "\n".join(f"{detail} ({count})" for (_, detail), count in tally.defects.items())
        table.add_row(name, str(tally.verdicts.total()), *counts, defects)
    return table


if __name__ == "__main__":
    sys.exit(main())
