"""Several drivers of one study: each takes cells that no other one has, as long as there are any (`--share`)."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage

from hasher.errors import UserError
from study.plan.finished import FinishedRuns
from study.plan.spec import StudySpec
from study.plan.tasks import Cell
from study.record.claims import claimed, refuse_claim
from study.record.study_folder import StudyFolder
from study.watch.counts import tasks_left

#: Seconds that a driver waits for another one to sign the study that it has just begun.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Taken:
    """Cells that this driver holds; `check` raises `UserError` where another one has taken one of them over."""

    cells: list[Cell]
    check: Callable[[], None]


@contextmanager
def taken(storage: BaseStorage, spec: StudySpec, finished: FinishedRuns, most: int) -> Iterator[Taken]:
    """Hold up to so many cells in which there are runs left, for the length of a block; none where others have all.

    Raises `UserError` where a driver that does not share has the whole study.
    """
    with ExitStack() as held:
        claims, cells = [], []
        for cell in dict.fromkeys(task.cell for task in tasks_left(spec, finished)):
            try:
                claims.append(held.enter_context(claimed(storage, f"{spec.name}/{cell}")))
            except UserError:
                continue
            cells.append(cell)
            if len(cells) == most:
                break
        refuse_claim(storage, spec.name)

        def check() -> None:
            for claim in claims:
                claim.check()

        yield Taken(cells, check)


def check_one_folder(storage: BaseStorage, name: str, folder: StudyFolder) -> None:
    """Raise `UserError` where other drivers of the study keep its files in another folder: models and evaluations would
    be scattered. Both folder and storage hold the same mark."""
    mine = _mark_of(folder)
    try:
        study = optuna.create_study(study_name=f"{name}/shared", storage=storage)
        study.set_user_attr("folder", mine)
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=f"{name}/shared", storage=storage)
    deadline = time.monotonic() + _PATIENCE
    while "folder" not in study.user_attrs and time.monotonic() < deadline:
        time.sleep(0.1)
    theirs = study.user_attrs.get("folder")
    if theirs is None:  # whoever created it died before it could say so
        study.set_user_attr("folder", mine)
    elif theirs != mine:
        raise UserError(
            f"--share: other drivers keep the files of {name} in another folder than {folder.path}; give all of them "
            "one --runs-dir that they reach"
        )


def _mark_of(folder: StudyFolder) -> str:
    """What tells the folder from others: whichever driver is the first to mark it, all read the same."""
    own = folder.mark.with_name(f"{folder.mark.name}-{uuid.uuid4().hex}")
    own.write_text(own.name, encoding="utf-8")
    try:
        with suppress(FileExistsError):
            os.link(own, folder.mark)  # there is no moment at which it is there and empty
    finally:
        own.unlink()
    return folder.mark.read_text(encoding="utf-8")
