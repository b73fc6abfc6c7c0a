"""What `--status` says of a study, and that it leaves the study and its driver alone."""

from __future__ import annotations

import hashlib
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import run_study as command
from hasher.errors import UserError
from study.drive.runner import StudyResult
from study.plan.spec import StudySpec
from study.plan.tasks import Task, cells
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.watch.status import _end, read_status


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below a folder: a hash of what is in it, and when it was changed."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


def begun(spec: StudySpec, run: StudyFolder, ended: datetime) -> Ledger:
    """A study whose first trial was complete at `ended`, its second one pruned, and its third is at epoch 2."""
    run.freeze(spec, None)
    ledger = Ledger(spec, open_storage(str(run.journal)))
    tasks = [Task("search", cells(spec)[0], index) for index in range(3)]
    for task in tasks:
        ledger.begin(task)
    started = (ended - timedelta(seconds=30)).isoformat(timespec="milliseconds")
    took = {"started": started, "seconds": 30.0}
    ledger.finish(tasks[0], "complete", {"map": 0.625, "chosen_epoch": 4, **took}, {})
    ledger.finish(tasks[1], "pruned", {"map": 0.875, "chosen_epoch": 2, **took}, {})
    ledger.report(tasks[2], 2, 0.5)
    return ledger


@pytest.mark.parametrize("by", ["directory", "spec"])
def test_a_finished_study_is_shown_and_not_touched(
    finished: StudyResult, by: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_ray(*arguments: object, **keywords: object) -> None:
        raise AssertionError("--status has no need of Ray")

    monkeypatch.setattr("ray.init", no_ray)
    run, before = finished.folder, contents(finished.folder.path)
    named = [str(run.path)] if by == "directory" else [str(run.spec), "--runs-dir", str(run.path.parent)]
    assert command.main(["--status", *named]) == 0
    printed = capsys.readouterr().out
    assert "25 of 25 runs done" in printed and "No driver is running it; the last recorded run ended" in printed
    best = finished.records.query("kind == 'search' and state == 'complete' and method == 'gcn'")["map"].max()
    assert f"{best:.3f}" in printed
    assert contents(run.path) == before


def test_a_running_study_says_what_is_in_flight(
    tiny: StudySpec, study_folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tiny, study_folder, datetime.now(UTC) - timedelta(minutes=5))
    with study_folder.locked():
        before = contents(study_folder.path)
        assert command.main(["--status", str(study_folder.path)]) == 0
        assert contents(study_folder.path) == before
    printed = capsys.readouterr().out
    assert "2 of 25 runs done (1 pruned), 23 left" in printed and "The last recorded run ended 5 min ago" in printed
    assert "A driver is running it, under way or next: blobs/none/8 search 2 (epoch 2 of 4)\n" in printed
    row = next(line for line in printed.splitlines() if "none" in line)
    assert row.split() == ["blobs", "none", "8", "2/4", "1", "pruned", "1", "0/2", "0.625"]


def test_what_a_dead_driver_left_open_is_cut_off(
    tiny: StudySpec, study_folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(tiny, study_folder, datetime.now(UTC))
    assert command.main(["--status", str(study_folder.path)]) == 0
    assert "No driver is running it" in (printed := capsys.readouterr().out)
    assert "runs cut off, to be redone: 1" in printed


def test_a_journal_cut_anywhere_shows_what_was_written_before(tiny: StudySpec, study_folder: StudyFolder) -> None:
    """A driver that is appending, or was killed while it did: half a record is no record."""
    begun(tiny, study_folder, datetime.now(UTC))
    lines = study_folder.journal.read_bytes().splitlines(keepends=True)
    counts = []
    for last in range(len(lines) - 8, len(lines)):
        before = b"".join(lines[:last])
        study_folder.journal.write_bytes(before)
        expected = read_status(tiny, study_folder, None)
        for cut in (1, len(lines[last]) // 2, len(lines[last]) - 1):
            study_folder.journal.write_bytes(before + lines[last][:cut])
            assert read_status(tiny, study_folder, None) == expected
        counts.append(len(expected.finished))
    assert counts == sorted(counts) and counts[0] < counts[-1] == 2


@pytest.mark.parametrize("started", ["2026-11-30T20::21.714+00:00", "", 7, "0001-01-01T00:00:00"])
def test_a_time_that_is_none_is_said_in_a_line(started: Any) -> None:
    with pytest.raises(UserError, match=r"^storage: .* is no outcome of a run"):
        _end({"started": started, "seconds": 1.0})


def test_a_time_without_a_zone_can_be_compared() -> None:
    assert _end({"started": "2026-11-30T20:00:21.714"})[0] < datetime.now(UTC) + timedelta(days=36500)


def test_looking_never_refuses_a_driver(study_folder: StudyFolder) -> None:
    with study_folder.locked():
        assert study_folder.is_held()
    assert not study_folder.is_held()
    looking = threading.Event()
    looking.set()

    def look() -> None:
        while looking.is_set():
            study_folder.is_held()

    observers = [threading.Thread(target=look) for _ in range(3)]
    for observer in observers:
        observer.start()
    try:
        for _ in range(200):
            with study_folder.locked():
                pass
    finally:
        looking.clear()
        for observer in observers:
            observer.join()


def test_what_is_no_study_is_said_in_a_line(
    finished: StudyResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--status", str(tmp_path)]) == 2
    assert "not a study (no study.yaml)" in capsys.readouterr().err
    assert command.main(["--status", str(finished.folder.spec), "--runs-dir", str(tmp_path)]) == 2
    assert "no study here yet" in capsys.readouterr().err and not list(tmp_path.iterdir())
    shutil.copytree(finished.folder.path, tmp_path / "renamed")
    assert command.main([str(tmp_path / "renamed"), "--status"]) == 2
    assert "holds the study tiny, the directory must be named so" in capsys.readouterr().err
