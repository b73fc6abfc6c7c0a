"""A study's files beside the digests that were written of them (`study.record.manifest`)."""

from __future__ import annotations

from collections.abc import Iterator

from hasher.files import sha256
from study.record.manifest import Manifest, files_of, is_made
from study.record.study_folder import StudyFolder


def against_manifest(folder: StudyFolder, manifest: Manifest) -> Iterator[str]:
    """A line for every file that is not as it was, is gone or has come; none where the manifest is open."""
    if manifest.is_open:
        return
    found = files_of(folder)
    for name, digest in manifest.digests.items():
        path = folder.path / name
        if not path.is_file():
            yield f"{name}: missing, {folder.manifest.name} has it"
        elif sha256(path) != digest:
            yield f"{name}: not what it was when {folder.manifest.name} was written"
    for name in found:
        if name not in manifest.digests and (manifest.has_made or not is_made(name)):
            yield f"{name}: not in {folder.manifest.name}"


def in_words(folder: StudyFolder, manifest: Manifest | None) -> str:
    """What the manifest vouches for."""
    name = folder.manifest.name
    if manifest is None:
        return f"no {name}, so files are compared with each other only: `python run_study.py {folder.path}` writes one"
    if manifest.is_open:
        return (
            f"{name} is open: a driver has the study, or was killed as it had it. What it has changed is compared with "
            f"nothing until it stops; `python run_study.py {folder.path}` goes on"
        )
    if not manifest.has_made:
        return f"no tables of these records yet: `python -m analysis {folder.path}` makes them"
    return f"all {len(manifest.digests)} files are as {name} has them"
