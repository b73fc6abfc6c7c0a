"""A small disk that can be full for a while."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: What it holds: a small study some times over.
MIB = 48
_BALLAST = ".ballast"


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    """A file system of its own in the folder `path`, which is made. Raises `OSError` where this process may mount
    none."""
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MIB}m", "small", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(errno.EPERM, done.stderr.strip() or "mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=False)


@contextmanager
def full(path: Path) -> Iterator[None]:
    """Not a page is left on the disk at `path` for the length of a block."""
    ballast = path / _BALLAST
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            with suppress(OSError):  # no space
                while os.write(file.fileno(), b"\0" * size) == size:
                    pass
    try:
        yield
    finally:
        ballast.unlink()
