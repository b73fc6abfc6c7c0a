"""Arrays that are dear to compute and follow from others: computed once on a machine, whichever process asks first."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from hasher.arrays import mapped_array
from hasher.errors import UserError
from hasher.files import write_atomically

#: Bytes of all files together beyond which those used longest ago are dropped.
LIMIT = 8 * 2**30
#: Part of every file name: another number makes what earlier code computed out of date.
VERSION = 1


def cache_folder() -> Path:
    """``$HAGCN_CACHE``, or ``hagcn`` in the user's folder of caches."""
    chosen = os.environ.get("HAGCN_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "hagcn"


class ContentCache:
    """What follows from one array, in files named after its content.

    The processes of a machine share a file's memory: it is mapped, and what one writes stays its own. The folder may be
    deleted at any time.
    """

    def __init__(self, content: NDArray[np.float32]) -> None:
        self._content = content

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.blake2b(f"{self._content.dtype.str}{self._content.shape}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self._content).data)
        return digest.hexdigest()

    def get(self, name: str, count: int, compute: Callable[[], Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
        """The `count` arrays called `name`, which `compute` makes where files have them not yet.

        `name` says all that decides the arrays beside the content, in characters that a file name may have.

        Raises `UserError` where the folder cannot be written.
        """
        folder = cache_folder()
        paths = [folder / f"{VERSION}-{self._digest}-{name}-{number}.npy" for number in range(count)]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / f"{self._digest}-{name}.lock"):
                found = _mapped(paths)
                if found is None:
                    for path, array in zip(paths, compute(), strict=True):
                        write_atomically(path, _npy(array))
                    _drop_oldest(folder, spare=paths)
                    found = _mapped(paths)
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({error}), name another folder by HAGCN_CACHE") from None
        assert found is not None
        return found


def _mapped(paths: Sequence[Path]) -> list[NDArray[Any]] | None:
    """The arrays of files; None where one is missing, or damaged by a crash or another program."""
    arrays = []
    for path in paths:
        try:
            arrays.append(mapped_array(path, "c"))
            os.utime(path, ns=(time.time_ns(),) * 2)  # used now
        except (OSError, ValueError):
            return None
    return arrays


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _drop_oldest(folder: Path, spare: Sequence[Path]) -> None:
    """Keep what was used last, up to `LIMIT` bytes; a process that has a dropped file mapped keeps what it sees."""
    with os.scandir(folder) as entries:
        files = [(entry.stat(), Path(entry)) for entry in entries if entry.name.endswith(".npy")]
    total = 0
    for stat, path in sorted(files, key=lambda file: file[0].st_mtime_ns, reverse=True):
        total += stat.st_size
        if total > LIMIT and path not in spare:
            path.unlink(missing_ok=True)
