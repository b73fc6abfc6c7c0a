"""Lets a study that has been begun grow into a larger one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from optuna.storages import BaseStorage

from hasher.errors import UserError
from study.plan.amending import amendment_of
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.record.amendments import Amendment
from study.record.ledger import spec_digest
from study.record.stored import read_finished
from study.record.study_folder import StudyFolder
from study.work.provenance import git_commit


def extend(folder: StudyFolder, spec: StudySpec, storage: BaseStorage, origins: Origins | None) -> None:
    """Make a study `spec`, where it is another so far; what it has found stays in its `storage`.

    Raises `UserError` where it is no extension, and for a study of a version that did not keep what one needs.
    """
    frozen = folder.read_spec()
    changes = [] if frozen is None else amendment_of(frozen, spec, str(folder.path))
    if not changes or frozen is None:
        return
    finished = read_finished(frozen, storage)
    if any(task.kind == "search" and ended.planned_epochs is None for task, ended in finished.items()):
        why = "begun by a version that did not keep what an extension needs"
        raise UserError(f"{folder.path}: {why}, choose another --name")
    tested = sum(task.kind == "test" for task in finished)
    amendment = Amendment(
        when=datetime.now(UTC).isoformat(timespec="seconds"), commit=git_commit(Path(__file__).resolve().parents[2]),
        changes=changes, former=spec_digest(frozen), tested=tested,
    )  # fmt: skip
    folder.extend(spec, amendment, origins)
