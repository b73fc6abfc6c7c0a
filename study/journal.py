"""The journal file of a study: Optuna's, made safe from a full disk and from a driver killed in the middle of a record.

Optuna appends one record a line and stops at a line it cannot read: half a record, with another one written behind it,
would hide all that follows.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend


class Journal(JournalFileBackend):
    """Appends records whole or not at all."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        before = self._path.stat().st_size
        try:
            super().append_logs(logs)
        except OSError:
            with contextlib.suppress(OSError):  # where even this is refused, `mend` will do it
                os.truncate(self._path, before)
            raise


def mend(path: Path) -> None:
    """Cut off what a killed driver left behind: half a record at the end, and the lock it held while writing.

    Only for whoever has the study to itself. Half a record was never acknowledged, so nothing that had ended is lost.
    """
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    if path.exists():
        size = path.stat().st_size
        whole = _end_of_last_record(path, size)
        if whole < size:
            os.truncate(path, whole)


def _end_of_last_record(path: Path, size: int) -> int:
    """Where the last whole line that is a record ends; what it looks at grows with what is broken, not with the file."""
    reach = 1 << 16
    with path.open("rb") as file:
        while True:
            start = max(0, size - reach)
            file.seek(start)
            lines = file.read(size - start).splitlines(keepends=True)
            end = size
            for line in reversed(lines if start == 0 else lines[1:]):  # the first one may have begun before `start`
                if _is_record(line):
                    return end
                end -= len(line)
            if start == 0:
                return 0
            reach *= 4


def _is_record(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
