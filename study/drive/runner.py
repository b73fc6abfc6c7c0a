"""Runs a study: resumes it from its ledger, lets Ray Tune execute what is left, and writes the records."""

from __future__ import annotations

import errno
import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import optuna
import pandas as pd
import ray
from ray import tune
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner
from rich.console import Console

from hasher.errors import UserError
from study.drive.budget import Budget, Deadline, DeviceHours
from study.drive.cluster import Nodes, check_address, connect, environment
from study.drive.head_node import watched
from study.drive.lost_workers import RETRIES, LostWorkers
from study.drive.recorder import Recorder
from study.drive.tracking.trackers import Trackers
from study.drive.tracking.wanted import open_trackers
from study.drive.tune_parts import CellSearcher, Collector, LastCheckpoints, OptunaPruning
from study.options import RunOptions
from study.plan.order import Plan
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.record.export import export
from study.record.journal import repair
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.shared_storage import SharedStorage
from study.record.study_folder import StudyFolder
from study.watch.counts import Counts, count_runs
from study.watch.progress import Progress
from study.work.data import StudyData, load_data
from study.work.provenance import git_commit
from study.work.trainable import HasherTrainable

#: Errors of a file system that is full or takes no more writes.
_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ESTALE}


@dataclass(frozen=True)
class StudyResult:
    """A study as it stands after a run."""

    run: StudyFolder
    records: pd.DataFrame
    counts: Counts
    interrupted: int  #: runs that were stopped midway and will be redone
    spent: str | None  #: what there is no more of: the time budget or the device-hours
    shared: SharedStorage | None  #: where the run directory is copied to


def run_study(
    spec: StudySpec, options: RunOptions, console: Console, trainable: type[tune.Trainable] = HasherTrainable,
    origins: Origins | None = None,
) -> StudyResult:  # fmt: skip
    """Run what is left of a study, from its first trial to its records.

    `trainable` takes the place of the hasher's in tests and benchmarks; `origins`, where the keys of the spec are from,
    are kept with a study that is begun. Raises `hasher.errors.UserError` for data
    that cannot be read, a cluster that cannot be reached, and a run directory that holds a different study.
    """
    check_address(options.address)
    deadline = None if options.time_budget is None else Deadline(options.time_budget)
    run = StudyFolder(options.runs_dir / spec.name)
    run.check(spec, options.storage)  # before anything is read or written for a study that cannot go on
    trackers = open_trackers(options.tracking, spec.name, run.tracking, console)
    shared = SharedStorage(options.storage_path, spec.name) if options.storage_path else None
    data = load_data(spec, options.data_dir)
    with run.locked(), _full_disks_explained(run), shared.kept_up(run) if shared else nullcontext():
        run.freeze(spec, options.storage, origins)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if options.storage is None:
            repair(run.journal)
        ledger = Ledger(spec, open_storage(options.storage or str(run.journal)))
        cap = None
        if options.max_device_hours is not None:
            cap = DeviceHours(options.max_device_hours, ledger.finished, options.resources.devices)
        budget = Budget(deadline, cap)
        try:
            if not Plan(spec, ledger.finished).exhausted and budget.spent is None:
                _execute(spec, options, console, trainable, run, ledger, data, budget, trackers, shared)
        finally:
            interrupted = ledger.abandon_open()
            records = export(ledger, run)
        return StudyResult(run, records, count_runs(spec, ledger.finished), interrupted, budget.spent, shared)


def _execute(
    spec: StudySpec, options: RunOptions, console: Console, trainable: type[tune.Trainable], run: StudyFolder,
    ledger: Ledger, data: dict[str, StudyData], budget: Budget, trackers: Trackers, shared: SharedStorage | None,
) -> None:  # fmt: skip
    resources = options.resources
    with connect(options.address), _tune_settings():
        nodes = Nodes(resources, options.max_concurrent)
        if options.address is None or options.max_concurrent is None:  # otherwise nodes may be on their way
            nodes.check()
        progress = Progress(spec, ledger.finished, nodes.slots() or 1, console)
        facts = {"commit": git_commit(Path(__file__).resolve().parents[2])}
        recorder = Recorder(ledger, Plan(spec, ledger.finished), run, LostWorkers(nodes.dead), facts, trackers)
        placed = tune.with_resources(
            tune.with_parameters(trainable, data=data, resources=resources),
            {"cpu": resources.cpus, "gpu": resources.gpus},
        )
        tuner = Tuner(
            placed,
            tune_config=TuneConfig(
                search_alg=CellSearcher(recorder, nodes.slots, budget.cap),
                scheduler=OptunaPruning(recorder),
                num_samples=-1,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=RunConfig(
                name=f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}",
                storage_path=shared.checkpoints if shared else str(run.ray.resolve()),
                storage_filesystem=shared.filesystem if shared else None,
                stop=budget.deadline,
                callbacks=[Collector(recorder, progress.refresh), LastCheckpoints()],
                failure_config=FailureConfig(max_failures=RETRIES),
                checkpoint_config=CheckpointConfig(checkpoint_frequency=spec.checkpoint_every, checkpoint_at_end=False),
                verbose=0,
            ),
        )
        head_node = ray.get_runtime_context().gcs_address
        try:
            with nodes.requested(), progress.showing(), watched(head_node, progress.say):
                tuner.fit()
        finally:
            recorder.close()
    if shared is not None:
        shared.forget_checkpoints()
    shutil.rmtree(run.ray, ignore_errors=True)


@contextmanager
def _full_disks_explained(run: StudyFolder) -> Iterator[None]:
    """Say in a line that the run directory cannot be written, also where Tune has wrapped the error in its own."""
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not (isinstance(cause, OSError) and cause.errno in _REFUSED):
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, UserError) or cause is None:
            raise
        raise UserError(
            f"{run.path}: cannot be written ({cause}); what has ended is recorded, and once this is mended the same "
            "command goes on"
        ) from error


@contextmanager
def _tune_settings() -> Iterator[None]:
    """Tune's loggers write three files a trial that nothing here reads, its snapshots of the experiment would only
    serve `Tuner.restore`, `verbose=0` keeps its newer console output from nothing, and how many trials wait for a
    worker is the searcher's to decide: no more than there are slots."""
    ours = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "TUNE_GLOBAL_CHECKPOINT_S": "3600", "RAY_AIR_NEW_OUTPUT": "0",
        "TUNE_MAX_PENDING_TRIALS_PG": "1000000",
    }  # fmt: skip
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with environment(ours):
            yield
    finally:
        logger.setLevel(level)
