"""Runs a study: resumes it from its ledger, lets Ray Tune execute what is left, and writes the records."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import optuna
import pandas as pd
from ray import tune
from rich.console import Console

from hasher.errors import UserError
from study.drive.budget import Budget, Deadline, DeviceHours
from study.drive.cluster import check_address
from study.drive.execution import Execution
from study.drive.extension import extend
from study.drive.tracking.wanted import open_trackers
from study.options import RunOptions
from study.plan.finished import FinishedRuns
from study.plan.order import Plan
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.record.claims import claimed
from study.record.export import export
from study.record.journal import repair
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.shared_storage import SharedStorage
from study.record.study_folder import StudyFolder
from study.watch.counts import Counts, count_runs
from study.work.data import load_data
from study.work.trainable import HasherTrainable

#: Errors of a file system that is full or takes no more writes.
_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ESTALE}


@dataclass(frozen=True)
class StudyResult:
    """A study as it stands after a run."""

    folder: StudyFolder
    records: pd.DataFrame
    counts: Counts
    finished: FinishedRuns
    interrupted: int  #: runs that were stopped midway and will be redone
    spent: str | None  #: what there is no more of: the time budget or the device-hours
    shared: SharedStorage | None  #: where the study folder is copied to


def run_study(
    spec: StudySpec, options: RunOptions, console: Console, trainable: type[tune.Trainable] = HasherTrainable,
    origins: Origins | None = None,
) -> StudyResult:  # fmt: skip
    """Run what is left of a study, from its first trial to its records.

    `trainable` takes the place of the hasher's in tests and benchmarks; `origins`, where the keys of the spec are from,
    are kept with a study that is begun. Raises `hasher.errors.UserError` for data
    that cannot be read, a cluster that cannot be reached, and a study folder that holds a different study.
    """
    check_address(options.address)
    deadline = None if options.time_budget is None else Deadline(options.time_budget)
    folder = StudyFolder(options.runs_dir / spec.name)
    if options.extend:
        folder.check_extension(spec, options.storage)
    else:
        folder.check(spec, options.storage)  # before anything is read or written for a study that cannot go on
    trackers = open_trackers(options.tracking, spec.name, folder.tracking, console)
    shared = SharedStorage(options.storage_path, spec.name) if options.storage_path else None
    data = load_data(spec, options.data_dir)
    with ExitStack() as closing:
        closing.enter_context(folder.locked())
        closing.enter_context(_in_a_line(folder))
        if shared:
            closing.enter_context(shared.kept_up(folder))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if options.storage is None:
            repair(folder.journal)
        storage = open_storage(options.storage or str(folder.journal))
        claim = closing.enter_context(claimed(storage, spec.name)) if options.storage else None
        if options.extend:
            extend(folder, spec, options.storage, origins)
        folder.freeze(spec, options.storage, origins)
        former = [amendment.former for amendment in folder.read_amendments().amendments]
        ledger = Ledger(spec, storage, former, *([claim.check] if claim else []))
        cap = None
        if options.max_device_hours is not None:
            cap = DeviceHours(options.max_device_hours, ledger.finished, options.resources.devices)
        budget = Budget(deadline, cap)
        try:
            if not Plan(spec, ledger.finished).exhausted and budget.spent is None:
                Execution(ledger, folder, data, options, budget, trackers, shared, console).run(trainable)
        finally:
            interrupted = ledger.abandon_open()
            records = export(ledger, folder)
        counts = count_runs(spec, ledger.finished)
        return StudyResult(folder, records, counts, ledger.finished, interrupted, budget.spent, shared)


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _REFUSED


@contextmanager
def _in_a_line(folder: StudyFolder) -> Iterator[None]:
    """Say in a line that the study folder cannot be written, or what else a user is to be told, also where Tune has
    wrapped the error in its own."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not (isinstance(cause, UserError) or _is_refusal(cause)):
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, UserError) or cause is None:
            raise
        if isinstance(cause, UserError):
            raise cause from None
        raise UserError(
            f"{folder.path}: cannot be written ({cause}); what has ended is recorded, and once this is mended the same "
            "command goes on"
        ) from error
