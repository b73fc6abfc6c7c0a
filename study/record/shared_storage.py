"""A folder or bucket that every node reaches: checkpoints of running trials, and a copy of the study folder."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from hasher.errors import UserError
from hasher.files import read_regular, write_atomically
from study.record.manifest import read_closed_manifest
from study.record.study_folder import StudyFolder

#: Seconds between two copies of the study folder.
COPY_EVERY = 60.0


class SharedStorage:
    """What lies below ``<location>/<study>/``: ``ray/`` for Tune, and beside it the files of the study folder.

    The study folder itself stays on a disk of the driver's machine, since a journal grows by appending and buckets
    cannot do that. It is copied when something in it has changed, the journal last and as it was before the rest: a run
    that counts as finished in the copy has its files there. An open manifest goes ahead of all, a closed one behind.
    """

    def __init__(self, location: str, study: str) -> None:
        """`location` is a folder or a URI such as ``s3://bucket/folder``. Raises `UserError` where it is not one."""
        parts = urlsplit(location)
        if parts.username or parts.password:
            raise UserError("--storage-path: no key in the address, where process lists show it; set AWS_ACCESS_KEY_ID")
        try:
            self.filesystem, base = FileSystem.from_uri(location if parts.scheme else str(Path(location).resolve()))
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise UserError(
                f"--storage-path {location}: neither a folder nor an address that works ({error})"
            ) from None
        self._location = location
        self._path = f"{base.rstrip('/')}/{study}"
        self._copied: dict[str, tuple[int, int]] = {}  # size and time of change of each file when it was copied

    @property
    def checkpoints(self) -> str:
        """Where Tune keeps checkpoints, as a path in `filesystem`."""
        return f"{self._path}/ray"

    def forget_checkpoints(self, sitting: str = "") -> None:
        """Remove those of one sitting; all without a name."""
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_dir(f"{self.checkpoints}/{sitting}".rstrip("/"))

    def fetch(self, folder: StudyFolder) -> None:
        """Bring the study folder back from its copy, where this machine has none. Raises `UserError` where it has an
        older one."""
        found = {info.path.removeprefix(f"{self._path}/"): info for info in self._files()}
        journal = found.get(folder.journal.name)
        if folder.spec.exists():
            if journal is not None and (not folder.journal.exists() or journal.size > folder.journal.stat().st_size):
                raise UserError(
                    f"{folder.path}: older than its copy in {self._location}, remove the one you do not want"
                )
            return
        names = [name for name in found if not name.startswith("ray/")]
        for name in sorted(names, key=lambda name: name == folder.spec.name):  # what makes it a study comes last
            with self.filesystem.open_input_stream(found[name].path) as file:
                write_atomically(folder.path / name, file.read())

    def _files(self) -> list[FileInfo]:
        selector = FileSelector(self._path, allow_not_found=True, recursive=True)
        return [info for info in self.filesystem.get_file_info(selector) if info.type == FileType.File]

    def copy(self, folder: StudyFolder) -> None:
        """Copy what has changed in the study folder since this was last called."""
        journal, seen = read_regular(folder.journal) if folder.journal.exists() else None, _state(folder.journal)
        closed = read_closed_manifest(folder) is not None
        if not closed:
            self._copy_file(folder, folder.manifest)
        for path in sorted(folder.path.rglob("*")):
            name, apart = path.relative_to(folder.path).as_posix(), path in (folder.journal, folder.manifest)
            if path.is_file() and not apart and not name.startswith(("ray/", ".")) and path.name[0] != ".":
                self._copy_file(folder, path)
        if journal is not None and self._copied.get(folder.journal.name) != seen:
            self._write(folder.journal.name, journal)
            self._copied[folder.journal.name] = seen
        if closed:
            self._copy_file(folder, folder.manifest)

    def _copy_file(self, folder: StudyFolder, path: Path) -> None:
        name = path.relative_to(folder.path).as_posix()
        with contextlib.suppress(FileNotFoundError):  # replaced by a new version this very moment
            state = _state(path)
            if self._copied.get(name) != state:
                self._write(name, read_regular(path))
                self._copied[name] = state

    def _write(self, name: str, content: bytes) -> None:
        path = f"{self._path}/{name}"
        if isinstance(self.filesystem, LocalFileSystem):
            write_atomically(Path(path), content)
            return
        with self.filesystem.open_output_stream(path) as file:
            file.write(content)

    @contextmanager
    def kept_up(self, folder: StudyFolder) -> Iterator[None]:
        """Fetch the study folder, copy it now and then, and at the end.

        Raises `UserError` as `fetch` does, and where the last copy fails; one that fails before is made up for by the
        next.
        """
        self.fetch(folder)
        over = threading.Event()

        def keep_up() -> None:
            while not over.wait(COPY_EVERY):
                with contextlib.suppress(OSError):
                    self.copy(folder)

        thread = threading.Thread(target=keep_up, name="copy of the study folder", daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            over.set()
            thread.join()
            with contextlib.suppress(OSError):
                self.copy(folder)
            raise
        over.set()
        thread.join()
        self.copy_at_the_end(folder)

    def copy_at_the_end(self, folder: StudyFolder) -> None:
        """Copy, and raise `UserError` where that fails."""
        try:
            self.copy(folder)
        except OSError as error:
            raise UserError(
                f"{self._location}: {folder.path} cannot be copied there ({error}); it is whole, and the same command "
                "tries again"
            ) from error


def _state(path: Path) -> tuple[int, int]:
    if not path.exists():
        return 0, 0
    status = path.stat()
    return status.st_size, status.st_mtime_ns
