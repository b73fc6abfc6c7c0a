"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Where Debian puts the server's programs.
DEBIAN = Path("/usr/lib/postgresql")


def server_programs() -> Path | None:
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else sorted(DEBIAN.glob("*/bin"))
    return next((folder for folder in reversed(candidates) if (folder / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server that listens on a socket in a folder of its own: the URL of its databases, without their name."""
    programs = server_programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip("no PostgreSQL server or no psycopg here (Debian: apt-get install postgresql)")
    # It does not run as root, and another user cannot look into pytest's folders.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.getuid() == 0:
        try:
            shutil.chown(folder, user)
        except LookupError:
            pytest.skip("no user postgres here, as whom a server could be started by root")

    def run(program: str, *words: str) -> None:
        subprocess.run(
            [str(programs / program), *words], check=True, capture_output=True, cwd=folder,
            user=user if os.getuid() == 0 else None,
        )  # fmt: skip

    data = str(folder / "data")
    run("initdb", "--pgdata", data, "--auth", "trust", "--username", "tests", "--no-sync")
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    run("pg_ctl", "start", "--pgdata", data, "--wait", "--log", str(folder / "log"), "--options", options)
    try:
        yield f"postgresql://tests@/{{name}}?host={folder}"
    finally:
        run("pg_ctl", "stop", "--pgdata", data, "--mode", "immediate")
        shutil.rmtree(folder, ignore_errors=True)
