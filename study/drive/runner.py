"""Runs a study: resumes it from its ledger, lets Ray Tune execute what is left, and writes the records."""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import optuna
import pandas as pd
from optuna.storages import BaseStorage
from ray import tune
from rich.console import Console

from hasher.cluster import check_address
from hasher.errors import UserError
from study.drive.budget import Budget, Deadline, DeviceHours
from study.drive.execution import Execution
from study.drive.extension import extend
from study.drive.sharing import check_one_folder, taken
from study.drive.tracking.trackers import Trackers
from study.drive.tracking.wanted import open_trackers
from study.options import RunOptions
from study.plan.finished import FinishedRuns
from study.plan.order import Plan
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, all_tasks
from study.record.claims import claimed, refuse_claims_within
from study.record.database import failure_of
from study.record.export import export
from study.record.journal import repair, sync
from study.record.ledger import Ledger
from study.record.manifest import close_manifest, journal_has_changed, open_manifest
from study.record.run_files import lost_runs
from study.record.sampling import open_storage
from study.record.shared_storage import SharedStorage
from study.record.stored import is_known, read_finished
from study.record.study_folder import StudyFolder, without_password
from study.watch.counts import Counts, count_runs
from study.work.data import StudyData, load_data
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
    elsewhere: int = 0  #: runs left that other drivers of the study have


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
        closing.enter_context(folder.shared() if options.share else folder.locked())
        closing.enter_context(_in_a_line(folder, options.storage))
        if shared:
            closing.enter_context(shared.kept_up(folder))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if options.storage is None:
            if journal_has_changed(folder):
                warnings.warn(
                    f"{folder.journal}: not what it was when {folder.manifest.name} was written; the study goes on",
                    stacklevel=2,
                )
            repair(folder.journal)
        storage = open_storage(options.storage or str(folder.journal))
        if options.storage and folder.manifest.exists() and not is_known(spec, storage):
            raise UserError(
                f"--storage {without_password(options.storage)}: has nothing of this study, which has been run: bring "
                "back what it held, or choose another --name"
            )
        sitting = _Sitting(spec, folder, storage, data, options, deadline, shared, console, trainable)
        if options.share:
            check_one_folder(storage, spec.name, folder)
            folder.freeze(spec, options.storage, origins)
            return sitting.with_others(trackers)
        guard = None
        if options.storage:
            guard = closing.enter_context(claimed(storage, spec.name)).check
            refuse_claims_within(storage, spec.name)
        if options.extend:
            if folder.check_extension(spec, options.storage):
                open_manifest(folder)
            extend(folder, spec, storage, origins)
        folder.freeze(spec, options.storage, origins)
        return sitting.alone(trackers, guard)


@dataclass(frozen=True, eq=False)
class _Sitting:
    """What a driver does with a study once it has it."""

    spec: StudySpec
    folder: StudyFolder
    storage: BaseStorage
    data: dict[str, StudyData]
    options: RunOptions
    deadline: Deadline | None
    shared: SharedStorage | None
    console: Console
    trainable: type[tune.Trainable]

    def alone(self, trackers: Trackers, guard: Callable[[], None] | None) -> StudyResult:
        """Everything that is left; `guard` says whether the study is still this driver's."""
        ledger = self._ledger(guard=guard)
        self._run_lost_again(ledger)
        try:
            budget, interrupted = self._run(ledger, trackers)
        finally:
            records = export(ledger, self.folder)
        with self.folder.writing():  # not where an error ends it: the storage may then have runs that are open
            sync(self.storage)
            close_manifest(self.folder, self.spec, ledger.finished)
        self._forget_checkpoints()
        return self._result(ledger, records, interrupted, budget.spent)

    def with_others(self, trackers: Trackers) -> StudyResult:
        """Cells that no other driver has, some at a time, until there are none."""
        most = 2 * (self.options.max_concurrent or os.cpu_count() or 1)
        interrupted, spent, stopped, used = 0, None, False, False
        lost: Collection[Task] = all_tasks(self.spec)
        while not stopped:
            known = read_finished(self.spec, self.storage)
            lost = lost_runs(self.folder, self.spec, known, lost)
            known = {task: ended for task, ended in known.items() if task not in lost}
            with taken(self.storage, self.spec, known, most) as mine:
                if not mine.cells:
                    break
                ledger = self._ledger(guard=mine.check, held=mine.cells)
                self._run_lost_again(ledger)
                if used:  # the first ones were closed with the first cells
                    trackers = open_trackers(self.options.tracking, self.spec.name, self.folder.tracking, self.console)
                budget, open_runs = self._run(ledger, trackers)
                interrupted, spent = interrupted + open_runs, budget.spent
                stopped = spent is not None or not Plan(self.spec, ledger.finished, mine.cells).exhausted
                used = True
        if not used:
            trackers.close()
        with self.folder.writing():
            ledger = self._ledger(held=[])
            ledger.run_again(lost_runs(self.folder, self.spec, ledger.finished, lost))
            result = self._result(ledger, export(ledger, self.folder), interrupted, spent)
            if not result.counts.left:  # nobody runs anything any more, or could go on from a checkpoint
                close_manifest(self.folder, self.spec, ledger.finished)
                self._forget_checkpoints()
        return result if stopped else replace(result, elsewhere=result.counts.left)

    def _forget_checkpoints(self) -> None:
        """Those of sittings that were killed as well."""
        if self.shared is not None:
            self.shared.forget_checkpoints()
        shutil.rmtree(self.folder.ray, ignore_errors=True)

    def _ledger(self, guard: Callable[[], None] | None = None, held: Collection[Cell] | None = None) -> Ledger:
        former = [amendment.former for amendment in self.folder.read_amendments().amendments]
        return Ledger(self.spec, self.storage, former, guard, held)

    def _run_lost_again(self, ledger: Ledger) -> None:
        """Of the ledger's cells, the runs whose files are gone or damaged."""
        held = [task for task in ledger.finished if ledger.held is None or task.cell in ledger.held]
        lost = lost_runs(self.folder, self.spec, ledger.finished, held)
        for line in lost.values():
            self.console.print(f"{line}; its run is done again", highlight=False, soft_wrap=True, markup=False)
        ledger.run_again(lost)

    def _run(self, ledger: Ledger, trackers: Trackers) -> tuple[Budget, int]:
        """What is left of the ledger's cells; returns the budget as it then is, and how many runs were cut off."""
        options, cap = self.options, None
        if options.max_device_hours is not None:
            cap = DeviceHours(options.max_device_hours, ledger.finished, options.resources.devices)
        budget = Budget(self.deadline, cap)
        try:
            if not Plan(self.spec, ledger.finished, ledger.held).exhausted and budget.spent is None:
                open_manifest(self.folder)
                execution = Execution(
                    ledger, self.folder, self.data, options, budget, trackers, self.shared, self.console
                )
                execution.run(self.trainable)
        finally:
            interrupted = ledger.abandon_open()
        return budget, interrupted

    def _result(self, ledger: Ledger, records: pd.DataFrame, interrupted: int, spent: str | None) -> StudyResult:
        counts = count_runs(self.spec, ledger.finished)
        return StudyResult(self.folder, records, counts, ledger.finished, interrupted, spent, self.shared)


def _in_words(error: BaseException, folder: StudyFolder, storage: str | None) -> str | None:
    """What of an error a user is to be told; None for one that is a defect, or only wraps another."""
    if isinstance(error, UserError):
        return str(error)
    failure = failure_of(error)
    if failure is not None:
        where = f"--storage {without_password(storage)}: cannot be used any more ({failure})"
    elif isinstance(error, OSError) and error.errno in _REFUSED:
        where = f"{folder.path}: cannot be written ({error})"
    else:
        return None
    return f"{where}; what has ended is recorded, and once this is mended the same command goes on"


@contextmanager
def _in_a_line(folder: StudyFolder, storage: str | None) -> Iterator[None]:
    """Say in a line that study folder or storage cannot be written, or what else a user is to be told, also where Tune
    or Optuna has wrapped the error in its own."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            line = _in_words(cause, folder, storage)
            if line is not None:
                raise UserError(line) from error
            cause = cause.__cause__ or cause.__context__
        raise
