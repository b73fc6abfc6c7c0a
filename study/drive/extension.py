"""Lets a study that has been begun grow into a larger one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hasher.errors import UserError
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.record.amendments import Amendment
from study.record.ledger import spec_digest
from study.record.sampling import open_storage
from study.record.stored import has_ended, read_finished, stored_trials, task_of
from study.record.study_folder import StudyFolder
from study.work.provenance import git_commit


def extend(folder: StudyFolder, spec: StudySpec, storage: str | None, origins: Origins | None) -> None:
    """Make a study `spec`, where it is another so far; what it has found stays in its storage.

    Raises `UserError` where it is no extension, and for a study of a version that did not keep what one needs.
    """
    changes, frozen = folder.check_extension(spec, storage), folder.read_spec()
    if not changes or frozen is None:
        return
    tested = 0
    if storage is not None or folder.journal.exists():
        stored = open_storage(storage or str(folder.journal))
        for trial in stored_trials(frozen, stored):
            task = task_of(trial)
            if task is None or task.kind == "test" or not has_ended(trial):
                continue
            if "epochs" not in trial.user_attrs["task"]:
                why = "begun by a version that did not keep what an extension needs"
                raise UserError(f"{folder.path}: {why}, choose another --name")
        tested = sum(task.kind == "test" for task in read_finished(frozen, stored))
    amendment = Amendment(
        when=datetime.now(UTC).isoformat(timespec="seconds"), commit=git_commit(Path(__file__).resolve().parents[2]),
        changes=changes, former=spec_digest(frozen), tested=tested,
    )  # fmt: skip
    folder.extend(spec, amendment, origins)
