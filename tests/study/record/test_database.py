"""Databases that are moved away, stopped, emptied, locked or restarted under a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import optuna
import pandas as pd
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from hasher.errors import UserError
from study.drive.runner import StudyResult
from study.plan.spec import StudySpec
from study.record import claims
from study.record.database import LOCKED_FOR
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from tests.study.conftest import run_tiny
from tests.study.here import at_step, runs_here
from tests.study.test_run_study import TIMES


def as_administrator(address: str, *statements: str) -> None:
    """On the server of a PostgreSQL database, from another one."""
    engine = create_engine(make_url(address).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement.format(name=make_url(address).database)))
    engine.dispose()


DROP_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


@contextmanager
def out_of_reach(address: str) -> Iterator[None]:
    """The SQLite file is elsewhere, the PostgreSQL database takes no connections."""
    found = make_url(address)
    if found.get_backend_name() == "sqlite":
        path = Path(str(found.database))
        path.rename(path.with_name("elsewhere"))
        yield
        path.with_name("elsewhere").rename(path)
    else:
        as_administrator(address, "ALTER DATABASE {name} ALLOW_CONNECTIONS false", DROP_ALL)
        yield
        as_administrator(address, "ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_storage_that_is_lost_stops_a_study_in_a_line_and_the_same_command_completes_it(
    finished: StudyResult, tiny: StudySpec, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LEASE", 0.0)  # this process stands for two drivers
    with ExitStack() as lost, runs_here(), monkeypatch.context() as patch:
        at_step(patch, 9, lambda: lost.enter_context(out_of_reach(url)))
        with pytest.raises(UserError, match=r"^--storage .*cannot be used any more") as stopped:
            run_tiny(tiny, tmp_path / "runs", storage=url)
    assert "\n" not in str(stopped.value)
    with runs_here():
        again = run_tiny(tiny, tmp_path / "runs", storage=url)
    first, second = (pd.read_csv(r.folder.records).drop(columns=[*TIMES, "commit"]) for r in (finished, again))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_missing_file_is_not_made_anew_for_a_study_that_is_kept_in_it(tiny: StudySpec, tmp_path: Path) -> None:
    folder, path = StudyFolder(tmp_path / "tiny"), tmp_path / "studies.db"
    folder.path.mkdir()
    folder.freeze(tiny, f"sqlite:///{path}")
    with pytest.raises(UserError, match=r"studies.db: missing, and this study is kept in it"):
        run_tiny(tiny, tmp_path, storage=f"sqlite:///{path}")
    assert not path.exists()


def test_a_study_that_was_run_is_not_begun_anew_in_an_empty_database(
    tiny: StudySpec, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "LEASE", 0.0)
    with runs_here():
        run_tiny(tiny, tmp_path / "runs", storage=url)
        storage = open_storage(url)
        for name in optuna.get_all_study_names(storage):
            optuna.delete_study(study_name=name, storage=storage)
        with pytest.raises(UserError, match=r"^--storage .* has nothing of this study, which has been run"):
            run_tiny(tiny, tmp_path / "runs", storage=url)
    assert optuna.get_all_study_names(storage) == []


def test_connections_that_a_server_has_dropped_are_made_anew(url: str) -> None:
    storage = open_storage(url)
    optuna.create_study(study_name="before", storage=storage)
    if url.startswith("postgresql"):
        as_administrator(url, DROP_ALL)
    assert optuna.get_all_study_names(storage) == ["before"]


@pytest.mark.parametrize(("query", "seconds"), [("", LOCKED_FOR), ("?timeout=7", 7)])
def test_a_locked_file_is_waited_for(tmp_path: Path, query: str, seconds: float) -> None:
    storage = open_storage(f"sqlite:///{tmp_path / 'studies.db'}{query}")
    with storage._backend.engine.connect() as connection:  # type: ignore[attr-defined]
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == seconds * 1000
    assert seconds < claims.LEASE
