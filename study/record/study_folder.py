"""Where a study's files are: ``runs/<name>/``."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from hasher.errors import UserError, first_error
from hasher.files import open_regular, read_regular, write_atomically
from hasher.older_versions import made_before
from study.plan.amending import amendment_of, is_extension
from study.plan.origins import Origins
from study.plan.spec import FORMAT, FORMATS_BEFORE, StudySpec, differences
from study.plan.tasks import Cell, Task
from study.plan.yaml_text import read_mapping
from study.record.amendments import Amendment, Amendments

#: What storage.txt says of a study kept in its own journal file.
JOURNAL = "journal.log"


@dataclass(frozen=True)
class StudyFolder:
    """The paths below the folder of one study."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "study.yaml"

    @property
    def origins(self) -> Path:
        """Says where each key of the study is from (`study.plan.origins`)."""
        return self.path / "origins.yaml"

    @property
    def amendments(self) -> Path:
        """Says what the study was before it was extended, and when that was (`study.record.amendments`)."""
        return self.path / "amendments.yaml"

    @property
    def journal(self) -> Path:
        return self.path / "journal.log"

    @property
    def storage(self) -> Path:
        """Names the Optuna storage, without its password."""
        return self.path / "storage.txt"

    @property
    def records(self) -> Path:
        return self.path / "records.csv"

    @property
    def curves(self) -> Path:
        return self.path / "curves.csv"

    @property
    def manifest(self) -> Path:
        """The digests of all of these (`study.record.manifest`)."""
        return self.path / "manifest.sha256"

    @property
    def speed(self) -> Path:
        """How fast the winners are, where that was kept (`analysis.kept_speed`)."""
        return self.path / "speed.yaml"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def ray(self) -> Path:
        """Tune's own files: checkpoints of running trials, nothing that outlasts the study."""
        return self.path / "ray"

    @property
    def tracking(self) -> Path:
        """What trackers keep of each run: TensorBoard's events, W&B's files."""
        return self.path / "tracking"

    def model(self, cell: Cell) -> Path:
        """The model of the cell's first test run."""
        return self.path / "models" / cell.dataset / f"{cell.method}-{cell.bits}.safetensors"

    def evaluation(self, task: Task) -> Path:
        """Per-query arrays of one test run."""
        return self.path / "evaluations" / task.cell.dataset / f"{task.cell.method}-{task.cell.bits}-{task.index}.npz"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def mark(self) -> Path:
        """Tells this folder from others of a study that drivers share (`study.drive.sharing`)."""
        return self.path / ".shared"

    def is_held(self) -> bool:
        """Whether a driver holds the study.

        Asks for the lock, which a driver's excludes, and gives it back at once: the one question that is answered
        right from another container or, on a shared file system, another machine. Drivers wait such a moment out.
        """
        try:
            with open_regular(self.lock) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for one driver. Raises `UserError` where another one has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.lock)
        try:
            lock.acquire(timeout=0.5)
        except Timeout:
            raise UserError(f"{self.path}: another run_study.py runs this study, wait for it or stop it") from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the study together with other drivers that share it. Raises `UserError` where one has it alone."""
        self.path.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC  # a link would lead to a file of others
        with os.fdopen(os.open(self.lock, flags, 0o644), "wb") as file:
            deadline = time.monotonic() + 0.5
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise UserError(
                            f"{self.path}: another run_study.py runs this study alone, without --share"
                        ) from None
                    time.sleep(0.05)
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One at a time, so that records that know more are not overwritten by others."""
        with FileLock(self.path / ".writing"):
            yield

    def read_spec(self) -> StudySpec | None:
        """The frozen study; None where there is none yet. Raises `UserError` for one of another version's format."""
        if not self.spec.exists():
            return None
        values = _read_yaml(self.spec)
        self._check_format(values)
        try:
            return StudySpec.model_validate(values)
        except ValidationError as error:
            raise UserError(f"{self.spec}: {first_error(error)}") from None

    def _check_format(self, values: dict[str, Any]) -> None:
        found = values.get("format", 1)  # version 0.1 did not name it
        if not isinstance(found, int) or found == FORMAT:
            return
        if found in FORMATS_BEFORE:
            raise made_before(self.path, "a study", FORMATS_BEFORE[found], "choose another --name")
        raise UserError(
            f"{self.path}: a study of a later version of hagcn-study (format {found}, this one reads {FORMAT}): choose "
            "another --name, or check out the version that made it"
        )

    def read_origins(self) -> Origins | None:
        """Where the keys of the frozen study are from; None where that was not kept."""
        if not self.origins.exists():
            return None
        try:
            return Origins.model_validate(_read_yaml(self.origins))
        except ValidationError as error:
            raise UserError(f"{self.origins}: {first_error(error)}") from None

    def read_amendments(self) -> Amendments:
        """How the study was extended."""
        if not self.amendments.exists():
            return Amendments()
        try:
            return Amendments.model_validate(_read_yaml(self.amendments))
        except ValidationError as error:
            raise UserError(f"{self.amendments}: {first_error(error)}") from None

    def check(self, spec: StudySpec, storage: str | None) -> None:
        """Raise `UserError` where the directory holds a different study, or one kept in another storage."""
        frozen = self.read_spec()
        if frozen is None:
            return
        changed = differences(frozen, spec)
        if changed:
            extends = ", or extend it by --extend" if is_extension(frozen, spec) else ""
            raise UserError(
                f"{self.path}: holds a different study; choose another --name{extends}, or undo what differs:\n  "
                + "\n  ".join(changed)
            )
        self._check_storage(storage)

    def check_extension(self, spec: StudySpec, storage: str | None) -> list[str]:
        """What `spec` changes of the study, a line a value; nothing where there is none yet. Raises `UserError` where
        it is no extension (`study.plan.amending`), or the study is kept in another storage."""
        frozen = self.read_spec()
        if frozen is None:
            return []
        changes = amendment_of(frozen, spec, str(self.path))
        self._check_storage(storage)
        return changes

    def read_storage(self) -> str:
        """What the study is kept in, without a password. Raises `UserError` where that cannot be read."""
        if not self.storage.exists():
            return JOURNAL
        try:
            return read_regular(self.storage).decode().strip()
        except UnicodeDecodeError:
            raise UserError(
                f"{self.storage}: not text, expected `{JOURNAL}` or the --storage that the study was begun with"
            ) from None

    def _check_storage(self, storage: str | None) -> None:
        kept = self.read_storage()
        if kept != without_password(storage):
            raise UserError(f"{self.path}: this study is kept in {kept}, give --storage as on its first run")
        file = _file_of(storage)
        if file is not None and not file.exists():  # to open it would make an empty one, and begin the study anew
            raise UserError(f"{file}: missing, and this study is kept in it: bring it back, or choose another --name")

    def freeze(self, spec: StudySpec, storage: str | None, origins: Origins | None = None) -> None:
        """Write down what the study is, where its keys are from and where it is kept, on its first run; `check` on
        later ones, which leave it as it is."""
        self.check(spec, storage)
        if not self.spec.exists():
            write_atomically(self.storage, without_password(storage) + "\n")
            if origins is not None:
                write_atomically(self.origins, origins.to_yaml())
            write_atomically(self.spec, spec.to_yaml())

    def extend(self, spec: StudySpec, amendment: Amendment, origins: Origins | None) -> None:
        """Write down that the study is `spec` from now on. The amendment first: a storage that a driver killed in
        between has left as it was is known by it."""
        write_atomically(self.amendments, self.read_amendments().with_one_more(amendment).to_yaml())
        if origins is not None:
            write_atomically(self.origins, origins.to_yaml())
        write_atomically(self.spec, spec.to_yaml())


def without_password(storage: str | None) -> str:
    """An Optuna storage as it may be written to a file."""
    if storage is None or "://" not in storage:
        return storage or JOURNAL
    return make_url(storage).render_as_string(hide_password=True)


def _file_of(storage: str | None) -> Path | None:
    """The file of an SQLite storage."""
    if storage is None or "://" not in storage:
        return None
    url = make_url(storage)
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":", "file:"))
    return Path(url.database) if is_file and url.database else None


def _read_yaml(path: Path) -> dict[str, Any]:
    return read_mapping(path, "keys, as run_study.py writes it")
