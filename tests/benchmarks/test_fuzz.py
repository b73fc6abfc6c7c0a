"""A short seeded part of the fuzzing benchmark; `python -m benchmarks.fuzz` runs for minutes."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz import fuzz
from benchmarks.fuzzing.cases import WRONG, run_case
from benchmarks.fuzzing.mutation import mutated
from benchmarks.fuzzing.readers import Reader, make_files, readers

#: Cases of every reader. A study's records hold times, so that a seed does not settle what is done to those.
CASES = 4


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("valid")
    make_files(folder)
    return folder


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_what_is_damaged_is_refused_in_a_line(reader: Reader, valid: Path, tmp_path: Path) -> None:
    whole, _ = fuzz(
        Reader(reader.name, reader.files, reader.read, lambda content, rng: content), valid, (0, 0), tmp_path
    )
    assert whole.verdict == "taken", whole.text
    for number in range(CASES):
        outcome, path = fuzz(reader, valid, (0, number), tmp_path)
        assert outcome.verdict not in WRONG, f"{path.name}, case {number}: {outcome}"


def fails() -> int:
    raise KeyError("bits")


def waits() -> int:
    os.mkfifo("pipe")
    return len(Path("pipe").read_bytes())


def fills() -> int:
    return len(np.ones(40 * 10**6)) * 0


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def commands() -> int:
    sys.stdout.write("\x1b[2J")
    sys.stdout.flush()
    return 2


@pytest.mark.parametrize(
    ("read", "verdict"),
    [(fails, "traceback"), (waits, "hang"), (fills, "memory"), (dies, "crash"), (commands, "commands"),
     (lambda: 2, "refused"), (lambda: 0, "taken")],
)  # fmt: skip
def test_each_defect_is_told(read: object, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fuzzing.cases.MEMORY", 3 * 10**8)
    if read is waits:
        monkeypatch.setattr("benchmarks.fuzzing.cases.PATIENCE", 0.3)
    outcome = run_case(read, tmp_path)  # type: ignore[arg-type]
    assert outcome.verdict == verdict
    if verdict == "traceback":
        assert outcome.detail.startswith("KeyError in test_fuzz.py:")


def test_the_same_seed_damages_alike(valid: Path) -> None:
    for path in sorted(path for path in valid.rglob("*") if path.is_file()):
        content = path.read_bytes()
        changed = [mutated(content, random.Random(seed)) for seed in (1, 1, 2, 3, 4, 5)]
        assert changed[0] == changed[1] and len({content, *changed}) > 2
