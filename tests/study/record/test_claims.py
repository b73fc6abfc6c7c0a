"""Who may drive a study that several machines reach: one driver, for as long as it lives."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest

from hasher.errors import UserError
from study.plan.spec import StudySpec
from study.plan.tasks import all_tasks
from study.record import claims
from study.record.claims import Claim, claimed
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.stored import study_names
from tests.study.conftest import run_tiny


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which goes on by hand, and no sign of life but the first."""
    now = [1000.0]
    monkeypatch.setattr(claims.time, "time", lambda: now[0])
    monkeypatch.setattr(claims, "BEAT", 1e6)
    return now


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this is another machine."""
    monkeypatch.setattr(claims.socket, "gethostname", lambda: "another")


def test_a_second_driver_is_refused_while_the_first_lives(url: str, clock: list[float]) -> None:
    with claimed(open_storage(url), "mine"):
        clock[0] += 59
        with (
            pytest.raises(UserError, match=r"is run by a driver on .* which said 59 s ago"),
            claimed(open_storage(url), "mine"),
        ):
            pass
        with claimed(open_storage(url), "yours"):
            pass
    with claimed(open_storage(url), "mine"):
        pass
    names = [name for name in optuna.get_all_study_names(open_storage(url)) if name.startswith("mine/driver")]
    assert names == []


def test_one_that_died_is_forgotten(url: str, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """At once where its process would be here; elsewhere when it has said nothing for a while."""
    with ExitStack() as first:
        claim = first.enter_context(claimed(open_storage(url), "mine"))
        with monkeypatch.context() as patch:
            patch.setattr(claims, "_is_running", lambda process: False)
            with pytest.MonkeyPatch.context() as other:
                elsewhere(other)
                with pytest.raises(UserError), claimed(open_storage(url), "mine"):
                    pass
            with claimed(open_storage(url), "mine") as second:
                claim._done.clear()
                monkeypatch.setattr(claims, "BEAT", 0.01)
                claim._keep()  # as its thread does, had it not died
                with pytest.raises(UserError, match="another driver has taken over"):
                    claim.check()
                second.check()
    monkeypatch.setattr(claims, "BEAT", 1e6)
    elsewhere(monkeypatch)
    with ExitStack() as third:
        third.enter_context(claimed(open_storage(url), "mine"))
        clock[0] += 61
        with claimed(open_storage(url), "mine"):
            pass


def test_one_that_has_not_said_who_it_is_has_the_time_of_any_other(url: str, clock: list[float]) -> None:
    """It may have died between creating its claim and signing it."""
    optuna.create_study(study_name="mine/driver@1", storage=open_storage(url))
    for seconds in (0, 59):
        clock[0] += seconds
        with pytest.raises(UserError, match="a machine"), claimed(open_storage(url), "mine"):
            pass
    clock[0] += 2
    with claimed(open_storage(url), "mine"):
        pass


def test_of_many_that_begin_at_once_one_begins(url: str) -> None:
    start, done = threading.Barrier(8), threading.Event()

    def drive(number: int) -> bool:
        storage = open_storage(url)
        start.wait()
        try:
            with claimed(storage, "mine"):
                done.wait(20)
                return True
        except UserError:
            return False

    with ThreadPoolExecutor(8) as pool:
        drivers = [pool.submit(drive, number) for number in range(8)]
        deadline = time.monotonic() + 20
        while sum(driver.done() for driver in drivers) < 7 and time.monotonic() < deadline:
            time.sleep(0.02)
        done.set()
        assert sum(driver.result() for driver in drivers) == 1


@pytest.mark.parametrize("seed", range(50))
def test_there_are_never_two(seed: int, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Drivers of three machines start, end, die and fall silent at random; a dead one's claim is never ended."""
    rng, storage = random.Random(seed), optuna.storages.InMemoryStorage()
    buried: list[tuple[Any, Claim]] = []
    living: tuple[Any, Claim] | None = None
    said = -1000.0
    begun = refused = 0
    monkeypatch.setattr(claims, "_is_running", lambda process: living is not None)
    for _ in range(16):
        clock[0] += rng.uniform(1, 40)
        host = f"machine{rng.randrange(3)}"
        monkeypatch.setattr(claims.socket, "gethostname", lambda host=host: host)
        act = rng.random()
        if act < 0.6:
            context = claimed(storage, "mine")
            try:
                claim = context.__enter__()
            except UserError:
                refused += 1
                continue
            assert living is None or clock[0] - said > claims.LEASE
            buried += [living] if living else []
            living, said, begun = (context, claim), clock[0], begun + 1
        elif living and act < 0.7:
            living[0].__exit__(None, None, None)
            living = None
        elif living and act < 0.8:
            buried.append(living)  # killed: it says nothing any more
            living = None
    assert begun and refused
    monkeypatch.setattr(claims, "_latest", lambda storage, name: 0)
    for context, _ in [*buried, *([living] if living else [])]:
        context.__exit__(None, None, None)


def test_a_driver_without_its_claim_records_nothing(tiny: StudySpec, url: str) -> None:
    lost = False

    def guard() -> None:
        if lost:
            raise UserError("taken over")

    ledger = Ledger(tiny, open_storage(url), guard=guard)
    first, second = all_tasks(tiny)[:2]
    ledger.begin(first)
    lost = True
    for act in (lambda: ledger.finish(first, "complete", {"map": 0.5}, {}), lambda: ledger.begin(second)):
        with pytest.raises(UserError, match="taken over"):
            act()
    assert not ledger.finished


def test_two_folders_do_not_drive_one_database(tiny: StudySpec, url: str, tmp_path: Path) -> None:
    with claimed(open_storage(url), "tiny"), pytest.raises(UserError, match="is run by a driver on"):
        run_tiny(tiny, tmp_path / "other", storage=url)
    existing = optuna.get_all_study_names(open_storage(url))
    assert not set(study_names(tiny).values()) & set(existing)
    assert not (tmp_path / "other" / "tiny" / "study.yaml").exists()  # nothing is bound to what was refused


def test_a_new_database_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """Each of them finds no tables, and creates them."""
    together, address = threading.Barrier(8), f"sqlite:///{tmp_path / 'new.db'}"

    def begin(_: int) -> list[str]:
        together.wait()
        return optuna.get_all_study_names(open_storage(address))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(begin, range(8))) == [[]] * 8


@pytest.fixture
def storages(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "text.db").write_text("no database " * 500)
    yield {
        "mysql": "mysql://me:secret@host/studies", "unknown": "zzz://me:secret@x", "text": f"sqlite:///{tmp_path}/text.db",
        "folder": f"sqlite:///{tmp_path}", "nowhere": f"sqlite:///{tmp_path}/no/folder/x.db",
    }  # fmt: skip


@pytest.mark.parametrize("which", ["mysql", "unknown", "text", "folder", "nowhere"])
def test_a_wrong_storage_is_one_line_and_binds_nothing(
    tiny: StudySpec, tmp_path: Path, storages: dict[str, str], which: str
) -> None:
    with pytest.raises(UserError, match=r"^--storage .*cannot be opened") as raised:
        run_tiny(tiny, tmp_path / "runs", storage=storages[which])
    assert "\n" not in str(raised.value) and "secret" not in str(raised.value)
    assert [path.name for path in (tmp_path / "runs" / "tiny").iterdir()] == [".lock"]
