"""The journal file of a study: an Optuna storage of one record a line, quick to write and safe from what may go wrong.

Optuna's own file backend locks the file and waits for the disk at every record, a dozen and more a trial:
a tenth of a second in which the driver starts nothing, and several on a shared file system. Here the records of one
step of a run are written together, and the disk is waited for once a run, at its end. Optuna's tools read the file.

It also stops at a line it cannot read: half a record, with another one written behind it, would hide all that follows.
"""

from __future__ import annotations

import contextlib
import json
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock

from hasher.files import open_regular


class Journal(BaseJournalBackend):
    """Appends records, each line whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = JournalFileSymlinkLock(str(path))
        self._ends = array("Q", [0])  # of the file, in bytes, after so many records
        self._held: list[bytes] | None = None  # records of `together`, not in the file yet
        self._broken: OSError | None = None
        if not path.exists():
            path.touch()

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Records from the given number on, those held back included."""
        yield from self._read(log_number_from)
        first = max(0, log_number_from - (len(self._ends) - 1))
        for line in (self._held or [])[first:]:
            yield json.loads(line)

    def _read(self, number: int) -> Iterator[dict[str, Any]]:
        if number >= len(self._ends):
            return
        unreadable: ValueError | None = None
        with open_regular(self._path) as file:
            file.seek(self._ends[number])
            for line in file:
                if unreadable is not None:  # only the last line may be so: it is being written
                    raise unreadable
                try:
                    record = _parse(line)
                except ValueError as error:
                    unreadable = error
                    continue
                number += 1
                if number == len(self._ends):
                    self._ends.append(self._ends[-1] + len(line))
                yield record

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records; the disk may still have to be waited for (`settle`)."""
        if self._broken is not None:
            raise self._broken
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        if self._held is not None:
            self._held += lines
            return
        with self._locked():
            self._write(lines)

    @contextlib.contextmanager
    def batched(self) -> Iterator[None]:
        """Hold back what is appended meanwhile, and write it at once in the end.

        The storage has then acted on records that the file lacks, so where they cannot be written, nothing can from
        then on.
        """
        with self._locked():
            self._held = []
            try:
                yield
            finally:
                lines, self._held = self._held, None
                try:
                    self._write(lines)
                except OSError as error:
                    self._broken = error
                    raise
                for line in lines:
                    self._ends.append(self._ends[-1] + len(line))

    def sync(self) -> None:
        """Wait until everything appended is on the disk, safe from a power cut."""
        with open_regular(self._path) as file:
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        before = self._path.stat().st_size
        try:
            with self._path.open("ab") as file:
                file.write(b"".join(lines))
        except OSError:
            with contextlib.suppress(OSError):  # where even this is refused, `mend` will do it
                os.truncate(self._path, before)
            raise


class DamagedJournalError(ValueError):
    """A record in the midst of a journal is none. The message says where, and why."""


class StudyJournal(JournalStorage):
    """The Optuna storage in a journal file."""

    def __init__(self, path: Path) -> None:
        """Raises `DamagedJournalError`."""
        self._journal = Journal(path)
        try:
            super().__init__(self._journal)
        except OSError:
            raise
        except Exception as error:  # whatever Optuna stumbles over in a record that it did not write
            line, why = self._replay_result.log_number_read, str(error) or type(error).__name__
            raise DamagedJournalError(f"line {line} or the next: {why}") from None

    def batched(self) -> contextlib.AbstractContextManager[None]:
        return self._journal.batched()

    def sync(self) -> None:
        self._journal.sync()


def batched(storage: BaseStorage) -> contextlib.AbstractContextManager[None]:
    """For what belongs together: a journal gets it in one piece, a database as it comes."""
    return storage.batched() if isinstance(storage, StudyJournal) else contextlib.nullcontext()


def sync(storage: BaseStorage) -> None:
    """Wait until everything is safe from a power cut, as it always is in a database."""
    if isinstance(storage, StudyJournal):
        storage.sync()


def repair(path: Path) -> None:
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
    """Where the last whole line that is a record ends; the search begins at the end of the file."""
    reach = 1 << 16
    with open_regular(path) as file:
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
        return isinstance(_parse(line), dict)
    except ValueError:
        return False


def _parse(line: bytes) -> Any:
    """Raises `ValueError` for what is not a whole record."""
    if not line.endswith(b"\n"):
        raise ValueError("a line without an end")
    return json.loads(line)
