"""What a study survives: broken journals, full disks, lost workers and nodes, clocks that step."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.breakable.disk import full, small_disk
from benchmarks.breakable.storages import FULL_DISK
from benchmarks.faults import SPEC, Fault, Ordeal, comparable, placed
from benchmarks.local_cluster import local_cluster
from hasher.errors import UserError
from study.drive.lost_workers import RETRIES, LostWorkers
from study.drive.runner import StudyResult
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Task, all_tasks
from study.record import claims
from study.record.journal import repair
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.work.trainable import HasherTrainable
from tests.study.conftest import run_tiny
from tests.study.here import at_step, runs_here
from tests.study.record.test_ledger import run_searches
from tests.study.test_run_study import TIMES


def test_a_journal_cut_anywhere_keeps_all_that_is_whole(tiny: StudySpec, tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    ledger = Ledger(tiny, open_storage(str(path)))
    run_searches(ledger, Plan(tiny, ledger.finished), 3)
    whole = path.read_bytes()
    for cut in range(len(whole) - 400, len(whole) + 1, 7):
        path.write_bytes(whole[:cut])
        (tmp_path / "journal.log.lock").symlink_to(path)  # the driver died while it wrote
        repair(path)
        assert path.read_bytes() == whole[: whole.rfind(b"\n", 0, cut) + 1]
        again = Ledger(tiny, open_storage(str(path)))
        assert again.finished.items() <= ledger.finished.items() and len(again.finished) >= 2
        run_searches(again, Plan(tiny, again.finished), 3 - len(again.finished))
        assert Ledger(tiny, open_storage(str(path))).finished == ledger.finished


@pytest.mark.parametrize("tail", [b'{"op_co', b"\0" * 300_000, b"not a record\n", b'{"a": "\n'])
def test_whatever_lies_behind_the_last_record_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "journal.log"
    records = b"".join(json.dumps({"op_code": 4, "x": "y" * 1000}).encode() + b"\n" for _ in range(200))
    path.write_bytes(records + tail)
    repair(path)
    assert path.read_bytes() == records
    repair(path)
    assert path.read_bytes() == records


def test_a_damaged_record_in_the_midst_is_said_and_not_skipped(tiny: StudySpec, tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    Ledger(tiny, open_storage(str(path)))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:20] + b"\n", *lines[2:]]))
    repair(path)
    with pytest.raises(UserError, match="damaged"):
        open_storage(str(path))


def fill_up(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """After so many writes, the disk takes half of one and then no more."""
    opened = [0]
    really_open = Path.open

    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            super().write(content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_(self: Path, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if mode == "ab" and self.name == "journal.log":
            opened[0] += 1
            if opened[0] > after:
                return Full(self, "ab")
        return really_open(self, mode, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", open_)


@pytest.mark.parametrize("after", [2, 18, 19, 20, 21, 22, 23])
def test_a_full_disk_leaves_no_half_record(
    tiny: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    path = tmp_path / "journal.log"
    ledgers = []
    with monkeypatch.context() as patch:
        fill_up(patch, after)
        with pytest.raises(OSError, match="No space"):
            ledgers.append(Ledger(tiny, open_storage(str(path))))
            run_searches(ledgers[0], Plan(tiny, ledgers[0].finished), 12)
    assert path.read_bytes().endswith(b"\n") and path.read_bytes().count(b"\n") >= after
    kept = Ledger(tiny, open_storage(str(path))).finished
    assert all(kept.items() >= ledger.finished.items() for ledger in ledgers)


def test_a_disk_that_fills_up_stops_a_study_in_a_line_and_loses_nothing(
    finished: StudyResult, tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fill_up(patch, 30)
        with pytest.raises(UserError, match=r"cannot be written .*No space left") as stopped:
            run_tiny(tiny, tmp_path, max_concurrent=1, address=cluster)
        assert "\n" not in str(stopped.value)
    kept = Ledger(tiny, open_storage(str(tmp_path / "tiny" / "journal.log"))).finished
    assert 0 < len(kept) < len(all_tasks(tiny))
    with runs_here():
        again = run_tiny(tiny, tmp_path)
    assert again.counts.left == 0
    first, second = (pd.read_csv(r.folder.records).drop(columns=[*TIMES, "commit"]) for r in (finished, again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk"):
            yield tmp_path / "disk"
    except PermissionError:
        pytest.skip("no disk can be mounted here: that takes root")


@pytest.mark.parametrize("database", [False, True])
def test_a_study_goes_on_once_there_is_space_again_on_its_disk(
    finished: StudyResult, tiny: StudySpec, disk: Path, monkeypatch: pytest.MonkeyPatch, database: bool
) -> None:
    monkeypatch.setattr(claims, "LEASE", 0.0)  # this process stands for two drivers
    storage = f"sqlite:///{disk}/studies.db" if database else None
    with ExitStack() as filled, runs_here(), monkeypatch.context() as patch:
        at_step(patch, 9, lambda: filled.enter_context(full(disk)))
        for _ in range(2):  # the second time there is no space from the start
            with pytest.raises(UserError, match=r"cannot be (written|used any more) \(.*(No space|is full)") as stopped:
                run_tiny(tiny, disk, storage=storage)
            assert "\n" not in str(stopped.value)
    with runs_here():
        again = run_tiny(tiny, disk, storage=storage)
    first, second = (pd.read_csv(r.folder.records).drop(columns=[*TIMES, "commit"]) for r in (finished, again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


class ForgetfulTrainable(HasherTrainable):
    """Its checkpoints cannot be written."""

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        raise OSError(errno.EROFS, "read-only for a test")


def test_checkpoints_that_cannot_be_written_stop_the_study_and_fail_no_run(
    tiny: StudySpec, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.drive.lost_workers.RETRIES", 1)  # each takes another worker
    spec = tiny.model_copy(update={"checkpoint_every": 1})
    with pytest.raises(UserError, match="read-only for a test"):
        run_tiny(spec, tmp_path, ForgetfulTrainable, max_concurrent=1, address=cluster)
    ended = Ledger(spec, open_storage(str(tmp_path / "tiny" / "journal.log"))).finished
    assert "failed" not in {end.state for end in ended.values()}


def lost_workers_of(spec: StudySpec, deaths: list[int]) -> tuple[Task, LostWorkers]:
    """A run, and lost workers that see so many dead nodes at its start and as each worker is lost."""
    seen = iter(deaths)
    lost_workers, task = LostWorkers(lambda: next(seen)), all_tasks(spec)[0]
    lost_workers.began(task)
    return task, lost_workers


def test_a_run_that_kills_its_worker_is_given_up(tiny: StudySpec) -> None:
    task, lost_workers = lost_workers_of(tiny, [2] * 9)
    assert [lost_workers.retries_left(task) for _ in range(RETRIES + 1)] == [2, 1, 0, -1]


def test_the_loss_of_a_node_is_excused_also_where_it_is_noticed_late(tiny: StudySpec) -> None:
    task, lost_workers = lost_workers_of(tiny, list(range(50)))  # each time one more node has died
    assert min(lost_workers.retries_left(task) for _ in range(40)) == RETRIES
    late = [0, *range(40)]  # each death is seen with the next lost worker only
    task, lost_workers = lost_workers_of(tiny, late)
    assert min(lost_workers.retries_left(task) for _ in range(39)) >= RETRIES - 1


def test_a_clock_that_steps_back_changes_no_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = HasherTrainable.__new__(HasherTrainable)
    worker._seconds, worker._ended, worker._work, worker._jobs = [0.0], [False], None, []
    hour = iter(range(10**6, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(hour)))
    monkeypatch.setattr(HasherTrainable, "_with_facts", lambda self, place, step: step)
    result = worker.step()  # fails for want of a job, which takes time as well
    assert result["steps"][0].state == "failed" and 0 <= worker._seconds[0] < 5


#: A worker can be killed only while a run is at work, and so is what follows it. What a killed driver leaves:
#: `test_run_study`.
FAULTS = [
    Fault(0.5, "worker", 0), Fault(0.3, "node", 0), Fault(2.0, FULL_DISK, 2), Fault(0.3, "worker", 0),
    Fault(0.3, "head", 0),
]  # fmt: skip


def test_workers_nodes_and_the_head_may_die_under_a_study_and_its_disk_fill(tmp_path: Path) -> None:
    with runs_here():
        calm = run_tiny(SPEC, tmp_path)
    with local_cluster(2, num_cpus=1) as nodes, placed("journal", tmp_path, "", None) as place:
        found = Ordeal(nodes, place, FAULTS, random.Random(0)).run()
    struck = Counter(fault.kind for fault in FAULTS if fault.kind != FULL_DISK or place.breaks)
    assert found.faults == struck and not found.wrong, found
    assert comparable(found.records).equals(comparable(calm.records))
    assert place.log.read_text().count("head node") == 1
