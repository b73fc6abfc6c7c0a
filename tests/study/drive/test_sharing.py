"""Several drivers of one study: every run once, whoever dies, and all of it in the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import run_study as command
from analysis.study_records import load_study
from analysis.verify import verify
from hasher.errors import UserError
from study.drive.budget import Budget
from study.drive.execution import Execution
from study.drive.runner import StudyResult
from study.drive.sharing import check_one_folder, taken
from study.options import RunOptions
from study.plan.order import Plan
from study.plan.spec import StudySpec
from study.plan.tasks import Task, all_tasks
from study.record import claims
from study.record.ledger import Ledger
from study.record.manifest import read_manifest
from study.record.sampling import open_storage
from study.record.shared_storage import SharedStorage
from study.record.stored import read_finished, study_names, task_of
from study.record.study_folder import StudyFolder
from tests.study.conftest import run_tiny
from tests.study.drive.test_extension import made_up
from tests.study.here import runs_here

WHEN = ["started", "seconds", "device_seconds", "optuna_trial", "commit"]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'studies.db'}"
    open_storage(address)
    return address


class Driver:
    """One that goes on by a step at a time, so that several can be interleaved."""

    def __init__(self, spec: StudySpec, url: str, most: int) -> None:
        self.spec, self.url, self.most = spec, url, most
        self.done: list[Task] = []
        self.held = ExitStack()

    def work(self) -> Iterator[None]:
        """Take cells, run them, a run a step, until there are none to take."""
        storage = open_storage(self.url)
        while True:
            mine = self.held.enter_context(taken(storage, self.spec, read_finished(self.spec, storage), self.most))
            if not mine.cells:
                return
            ledger = Ledger(self.spec, storage, guard=mine.check, held=mine.cells)
            plan = Plan(self.spec, ledger.finished, mine.cells)
            while (task := plan.next_task()) is not None:
                job = ledger.begin(task)
                yield
                ledger.finish(task, "complete", made_up(job), {"epoch": [1, 2]})
                plan.ended(task)
                self.done.append(task)
            self.held.close()


def test_three_drivers_of_which_one_dies_run_everything_once(
    tiny: StudySpec, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = {1: True, 2: True, 3: True}
    number = [0]
    monkeypatch.setattr(claims.os, "getpid", lambda: number[0])
    monkeypatch.setattr(claims, "_is_running", lambda process: living[process])
    drivers = {one: Driver(tiny, url, most=2) for one in living}
    at_work = {one: driver.work() for one, driver in drivers.items()}
    steps = 0
    while at_work:
        for one in list(at_work):
            number[0] = one
            steps += 1
            if steps == 20:  # killed with a run open and two cells in its hands
                assert one == 2
                living[one] = False
                del at_work[one]
                continue
            if next(at_work[one], "ended") == "ended":
                del at_work[one]
    done = [task for driver in drivers.values() for task in driver.done]
    assert Counter(done) == Counter(all_tasks(tiny)) and all(driver.done for driver in drivers.values())
    whole = Ledger(tiny, open_storage(str(tmp_path / "whole.log")))
    plan = Plan(tiny, whole.finished)
    while (task := plan.next_task()) is not None:
        whole.finish(task, "complete", made_up(whole.begin(task)), {"epoch": [1, 2]})
        plan.ended(task)
    storage = open_storage(url)
    assert read_finished(tiny, storage) == whole.finished
    trials = [trial for name in study_names(tiny).values()
              for trial in optuna.load_study(study_name=name, storage=storage).trials]  # fmt: skip
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: len(done), TrialState.FAIL: 1}
    assert [task_of(trial) is not None for trial in trials if trial.state == TrialState.FAIL] == [True]


def test_what_other_drivers_leave_open_is_theirs(tiny: StudySpec, sqlite_url: str) -> None:
    cells = list(dict.fromkeys(task.cell for task in all_tasks(tiny)))
    first = Ledger(tiny, open_storage(sqlite_url), held=cells[:1])
    first.begin(Task("search", cells[0], 0))
    Ledger(tiny, open_storage(sqlite_url), held=cells[1:])
    storage = open_storage(sqlite_url)
    (trial,) = optuna.load_study(study_name=study_names(tiny)[cells[0]], storage=storage).trials
    assert trial.state == TrialState.RUNNING
    Ledger(tiny, open_storage(sqlite_url), held=cells[:1])
    (trial,) = optuna.load_study(study_name=study_names(tiny)[cells[0]], storage=open_storage(sqlite_url)).trials
    assert trial.state == TrialState.FAIL


def test_a_study_that_is_shared_is_the_one_that_is_not(
    finished: StudyResult, tiny: StudySpec, sqlite_url: str, tmp_path: Path
) -> None:
    """Another driver has some of the cells at first, and what it leaves is run in the end."""
    storage, cells = open_storage(sqlite_url), list(dict.fromkeys(task.cell for task in all_tasks(tiny)))
    others = StudyFolder(tmp_path / "tiny").ray / "another driver's" / "checkpoint"
    others.mkdir(parents=True)
    with runs_here():
        with claims.claimed(storage, f"tiny/{cells[0]}"), claims.claimed(storage, f"tiny/{cells[4]}"):
            first = run_tiny(tiny, tmp_path, storage=sqlite_url, share=True)
            assert first.counts.left == first.elsewhere == 6 + len([t for t in all_tasks(tiny) if t.cell == cells[4]])
            assert command.conclude(first, None, quiet()) == 0
            assert others.exists()  # that driver may go on from it
            with pytest.raises(UserError, match="is run by a driver on"):
                run_tiny(tiny, tmp_path, storage=sqlite_url)
            assert is_open(first.folder) and verify(load_study(first.folder.path)) == []
        second = run_tiny(tiny, tmp_path, storage=sqlite_url, share=True)
    assert (second.counts.left, second.elsewhere) == (0, 0) and not others.exists()
    ours, theirs = (pd.read_csv(one.folder.records).drop(columns=WHEN) for one in (second, finished))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    for task in all_tasks(tiny):
        assert task.kind == "search" or second.folder.evaluation(task).exists()
    assert not is_open(second.folder) and verify(load_study(second.folder.path)) == []
    lost = second.folder.evaluation(all_tasks(tiny)[-3])
    whole = lost.read_bytes()
    lost.unlink()
    assert len(verify(load_study(second.folder.path))) >= 1
    with runs_here():
        third = run_tiny(tiny, tmp_path, storage=sqlite_url, share=True)
    assert lost.read_bytes() == whole and third.counts.left == 0
    assert not is_open(third.folder) and verify(load_study(third.folder.path)) == []


def is_open(folder: StudyFolder) -> bool:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.is_open


def test_a_sitting_removes_its_own_checkpoints(tmp_path: Path) -> None:
    """Not those of the other drivers: their workers would lose what they go on from in the midst of a run."""
    folder, nothing = StudyFolder(tmp_path / "tiny"), cast(Any, None)
    shared = SharedStorage(str(tmp_path / "shared"), "tiny")
    one, other = (
        Execution(nothing, folder, {}, RunOptions(), Budget(None, None), nothing, shared, quiet()) for _ in range(2)
    )
    kept = [Path(place) / sitting.name for sitting in (one, other) for place in (folder.ray, shared.checkpoints)]
    for place in kept:
        place.mkdir(parents=True)
    one.forget_checkpoints()
    assert [place.exists() for place in kept] == [False, False, True, True]
    shared.forget_checkpoints()
    assert [place.exists() for place in kept] == [False, False, True, False]


def test_drivers_alone_and_drivers_that_share_keep_each_other_out(
    tiny: StudySpec, sqlite_url: str, tmp_path: Path
) -> None:
    with claims.claimed(open_storage(sqlite_url), "tiny"), pytest.raises(UserError, match="is run by a driver on"):
        run_tiny(tiny, tmp_path, storage=sqlite_url, share=True)
    folder = StudyFolder(tmp_path / "tiny")
    with folder.locked(), pytest.raises(UserError, match="runs this study alone"):
        run_tiny(tiny, tmp_path, storage=sqlite_url, share=True)
    with folder.shared():
        assert folder.is_held()
        with folder.shared(), pytest.raises(UserError, match=r"another run_study\.py runs this study"):
            run_tiny(tiny, tmp_path, storage=sqlite_url)
    assert not folder.is_held()


def test_all_drivers_keep_the_files_in_one_folder(tiny: StudySpec, sqlite_url: str, tmp_path: Path) -> None:
    here, there = (StudyFolder(tmp_path / name / "tiny") for name in ("here", "there"))
    for folder in (here, there):
        folder.path.mkdir(parents=True)
    storage = open_storage(sqlite_url)
    together = threading.Barrier(6)

    def begin(_: int) -> None:
        own = open_storage(sqlite_url)
        together.wait()
        check_one_folder(own, "tiny", here)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(begin, range(6)))
    assert [path.name for path in here.path.iterdir()] == [".shared"]
    with pytest.raises(UserError, match="give all of them one --runs-dir"):
        check_one_folder(storage, "tiny", there)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--share"], "needs --storage"), (["--share", "--extend", "--storage", "x"], "--extend: one")],
)
def test_what_does_not_go_together_is_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2 and says in capsys.readouterr().err


def quiet() -> Any:
    from rich.console import Console

    return Console(quiet=True)
