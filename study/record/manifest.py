"""The digests of a study's files: ``manifest.sha256``, which ``sha256sum -c manifest.sha256`` checks.

Whoever writes files vouches for them here. A driver does as it stops: for the study, its records and what its runs
left, by the digests that these were recorded with. Tables, figures and the report are added once they are written.
While a driver changes files the manifest is open, without a line; one that is killed leaves it so, and the same command
closes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hasher.errors import UserError
from hasher.files import read_regular, sha256, write_atomically
from study.plan.finished import FinishedRuns
from study.plan.spec import StudySpec
from study.record.run_files import recorded_digests
from study.record.study_folder import StudyFolder

#: What is made of the records, by the names that it begins with in the folder.
_MADE = ("tables/", "figures/", "report.html")
#: Folders in which there is nothing but files of the study.
_FOLDERS = ("evaluations", "models", "tables", "figures")
_WHAT_TO_DO = "as `sha256sum` writes them: remove it, the study's command writes another"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_TITLE = "# SHA-256 of the files of this study, for `sha256sum -c manifest.sha256` and `python -m analysis verify`\n"
_OPEN = "# Open: a driver has the study, or was killed as it had it. It writes the digests as it stops.\n"


@dataclass(frozen=True)
class Manifest:
    """Digests by path, relative to the study folder."""

    digests: dict[str, str]

    @property
    def is_open(self) -> bool:
        """Whether a driver was changing the study when it was last heard of."""
        return not self.digests

    @property
    def has_made(self) -> bool:
        """Whether it vouches for tables."""
        return any(map(is_made, self.digests))


def is_made(name: str) -> bool:
    """Whether it is made of the records: a table, a figure or the report."""
    return name.startswith(_MADE)


def read_manifest(folder: StudyFolder) -> Manifest | None:
    """None where there is none. Raises `UserError` where it cannot be read."""
    if not folder.manifest.exists():
        return None
    digests = {}
    try:
        for number, line in enumerate(read_regular(folder.manifest).decode().splitlines(), start=1):
            found = _LINE.fullmatch(line)
            if found and ".." not in found[2].split("/") and not found[2].startswith("/"):
                digests[found[2]] = found[1]
            elif not line.startswith("#"):
                raise UserError(f"{folder.manifest}: line {number} is no digest and path, {_WHAT_TO_DO}")
    except UnicodeDecodeError:
        raise UserError(f"{folder.manifest}: not text, {_WHAT_TO_DO}") from None
    return Manifest(digests)


def read_closed_manifest(folder: StudyFolder) -> Manifest | None:
    """None where it is open, damaged or missing, so that nothing is vouched for."""
    try:
        manifest = read_manifest(folder)
    except UserError:
        return None
    return None if manifest is None or manifest.is_open else manifest


def journal_has_changed(folder: StudyFolder) -> bool:
    """Whether the journal is another than the manifest vouches for."""
    manifest = read_closed_manifest(folder)
    digest = manifest and manifest.digests.get(folder.journal.name)
    return bool(digest) and folder.journal.exists() and sha256(folder.journal) != digest


def _write(folder: StudyFolder, digests: dict[str, str]) -> None:
    lines = [f"{digests[name]}  {name}\n" for name in sorted(digests)]
    write_atomically(folder.manifest, _TITLE + ("".join(lines) or _OPEN))


def open_manifest(folder: StudyFolder) -> None:
    """A driver is about to change the study."""
    with folder.writing():
        _write(folder, {})


def close_manifest(folder: StudyFolder, spec: StudySpec, finished: FinishedRuns) -> None:
    """Vouch for the study as it is recorded; only for whoever holds it for `writing`.

    Files of runs that count have the digests of their record; for what lies about of others, its own.
    """
    recorded = {_name(folder, path): digest for path, digest in recorded_digests(folder, spec, finished).items()}
    before = read_closed_manifest(folder)
    made = {name: digest for name, digest in (before.digests if before else {}).items() if is_made(name)}
    others = {
        name: sha256(folder.path / name) for name in files_of(folder) if name not in recorded and not is_made(name)
    }
    _write(folder, others | recorded | made)


def files_of(folder: StudyFolder) -> list[str]:
    """The files that a manifest is about, relative to the folder; hidden ones are half written or tell of no result."""
    top = (folder.spec, folder.origins, folder.amendments, folder.storage, folder.journal, folder.records,
           folder.curves, folder.speed, folder.report)  # fmt: skip
    below = (path for name in _FOLDERS for path in (folder.path / name).rglob("*"))
    return [_name(folder, path) for path in (*top, *below) if path.is_file() and not path.name.startswith(".")]


def _name(folder: StudyFolder, path: Path) -> str:
    return path.relative_to(folder.path).as_posix()


def vouch(folder: StudyFolder, path: Path) -> None:
    """One more file, or what it is now, is vouched for; where nothing is yet, it is no more than all else."""
    with folder.writing():
        before = read_manifest(folder)
        if before is not None and not before.is_open:
            _write(folder, {**before.digests, _name(folder, path): sha256(path)})


@contextmanager
def making(folder: StudyFolder) -> Iterator[None]:
    """Tables, figures and the report are written meanwhile, and vouched for in the end.

    Until then the manifest has no line of them. Where it has none at all, they are vouched for no more than all else.
    """
    _change_made(folder, {})
    yield
    made = {name: sha256(folder.path / name) for name in files_of(folder) if is_made(name)}
    _change_made(folder, made)


def _change_made(folder: StudyFolder, made: dict[str, str]) -> None:
    with folder.writing():
        before = read_manifest(folder)
        if before is not None and not before.is_open:
            kept = {name: digest for name, digest in before.digests.items() if not is_made(name)}
            _write(folder, kept | made)
