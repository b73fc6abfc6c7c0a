"""A PostgreSQL server of one's own, which can be stopped, and a slow way to it."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where Debian puts the server's programs.
DEBIAN = Path("/usr/lib/postgresql")
#: The name that clients look for in a folder.
_SOCKET = ".s.PGSQL.5432"


class NoServerError(Exception):
    """There can be no server here; the message says why."""


class Server:
    """Listens on a socket in a folder of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs, self._data = programs, str(folder / "data")
        self._run("initdb", "--pgdata", self._data, "--auth", "trust", "--username", "tests", "--no-sync")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c fsync=off -k {self.folder}"
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "--pgdata", self._data, "--wait", "--log", log, "--options", options)

    def stop(self) -> None:
        """As a crash would: clients lose their connections."""
        self._run("pg_ctl", "stop", "--pgdata", self._data, "--mode", "immediate")

    def create(self, database: str) -> None:
        self._run("createdb", "--host", str(self.folder), "--username", "tests", database)

    def url(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self.folder}"

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self._programs / program), *words], check=True, capture_output=True, cwd=self.folder,
            user="postgres" if os.getuid() == 0 else None,
        )  # fmt: skip


@contextmanager
def server() -> Iterator[Server]:
    """One that runs for the length of a block. Raises `NoServerError`."""
    programs = _programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        raise NoServerError("no PostgreSQL server or no psycopg here (Debian: apt-get install postgresql)")
    # It does not run as root, and another user cannot look into everybody's folders.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        try:
            shutil.chown(folder, user)
        except LookupError:
            raise NoServerError("no user postgres here, as whom a server could be started by root") from None
        started = Server(programs, folder)
        started.start()
        try:
            yield started
        finally:
            with suppress(subprocess.CalledProcessError):  # it is stopped already
                started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else sorted(DEBIAN.glob("*/bin"))
    return next((folder for folder in reversed(candidates) if (folder / "pg_ctl").exists()), None)


class SlowWay:
    """A socket that leads to a server's, with `delay` seconds for whatever passes in either direction."""

    def __init__(self, to: Server) -> None:
        self.delay = 0.0
        self._target = to.folder / _SOCKET
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="slow way", daemon=True).start()
        listening = asyncio.start_unix_server(self._serve, self.folder / _SOCKET)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()

    def url(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self.folder}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _hang_up(self) -> None:
        """End every connection, which would be complained of with the loop."""
        open_ones = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_unix_connection(self._target)
        except OSError:  # it is stopped
            writer.close()
            return
        with suppress(asyncio.CancelledError):  # else a stream complains of it
            await asyncio.gather(self._pass_on(reader, requests), self._pass_on(answers, writer))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while content := await source.read(1 << 16):
                await asyncio.sleep(self.delay)
                sink.write(content)
                await sink.drain()
        sink.close()
