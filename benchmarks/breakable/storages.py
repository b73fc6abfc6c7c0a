"""Storages of a study, and what can become of each for a while: ``breaks``, by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.breakable.postgresql import Server, SlowWay

FULL_DISK, LOST, SLOW = "full disk", "lost storage", "slow storage"
Break = Callable[[], AbstractContextManager[None]]
#: What can become of studies in each storage: their folder, and an SQLite file, may lie on a full disk.
STORAGES = {
    "journal": (FULL_DISK,), "sqlite": (FULL_DISK, LOST, SLOW), "postgresql": (FULL_DISK, LOST, SLOW),
}  # fmt: skip
#: Seconds that everything takes on the way to a slow server and back.
_DELAY = 0.15


class Storage(Protocol):
    """`url` is what `--storage` is given."""

    url: str | None

    @property
    def breaks(self) -> dict[str, Break]: ...


class JournalFile:
    """The study's own."""

    url: str | None = None

    @property
    def breaks(self) -> dict[str, Break]:
        return {}


class SqliteFile:
    """Lost: moved away. Slow: locked by another process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url: str | None = f"sqlite:///{path}"

    @property
    def breaks(self) -> dict[str, Break]:
        return {LOST: self._away, SLOW: self._locked}

    @contextmanager
    def _away(self) -> Iterator[None]:
        elsewhere = self._path.with_name("elsewhere.db")
        self._path.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            connection.close()


class Database:
    """Of a PostgreSQL server. Lost: the server is stopped as by a crash. Slow: so is the way to it."""

    def __init__(self, server: Server, way: SlowWay, name: str) -> None:
        self._server, self._way = server, way
        server.create(name)
        self.url: str | None = way.url(name)

    @property
    def breaks(self) -> dict[str, Break]:
        return {LOST: self._stopped, SLOW: self._slow}

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    @contextmanager
    def _slow(self) -> Iterator[None]:
        self._way.delay = _DELAY
        try:
            yield
        finally:
            self._way.delay = 0.0
