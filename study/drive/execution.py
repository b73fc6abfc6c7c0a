"""Lets Ray Tune execute what is left of a study."""

from __future__ import annotations

import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig, Tuner
from rich.console import Console

from hasher.cluster import connect, environment
from study.drive.budget import Budget
from study.drive.cluster import Nodes
from study.drive.grouping import Grouping
from study.drive.head_node import watched
from study.drive.lost_workers import RETRIES, LostWorkers
from study.drive.recorder import Recorder
from study.drive.stopping import sigterm_as_sigint
from study.drive.tracking.trackers import Trackers
from study.drive.tune_parts import (
    CellSearcher,
    Collector,
    ForgottenTrials,
    LastCheckpoints,
    OptunaPruning,
    folder_of,
)
from study.options import RunOptions
from study.plan.order import Plan
from study.record.ledger import Ledger
from study.record.shared_storage import SharedStorage
from study.record.study_folder import StudyFolder
from study.watch.progress import Progress
from study.work.data import StudyData
from study.work.provenance import git_commit


@dataclass(frozen=True, eq=False)
class Execution:
    """One sitting: all that takes part in it."""

    ledger: Ledger
    folder: StudyFolder
    data: dict[str, StudyData]
    options: RunOptions
    budget: Budget
    trackers: Trackers
    shared: SharedStorage | None
    console: Console
    name: str = field(default_factory=lambda: f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}")

    def run(self, trainable: type[tune.Trainable]) -> None:
        """Until nothing is left, the budget is spent or it is stopped; what has ended is in the ledger."""
        options, ledger = self.options, self.ledger
        with connect(options.address, ("hasher", "study")), _tune_settings():
            nodes = Nodes(options.resources, options.max_concurrent)
            if options.address is None or options.max_concurrent is None:  # otherwise nodes may be on their way
                nodes.check()
            progress = Progress(ledger.spec, ledger.finished, nodes.slots() or 1, self.console)
            recorder = self._recorder(nodes)
            tuner = Tuner(
                self._placed(trainable),
                tune_config=TuneConfig(
                    search_alg=CellSearcher(recorder, nodes.slots, self.budget.cap),
                    scheduler=OptunaPruning(recorder),
                    num_samples=-1,
                    reuse_actors=True,
                    trial_dirname_creator=folder_of,
                ),
                run_config=self._run_config(
                    [Collector(recorder, progress.refresh), LastCheckpoints(), ForgottenTrials()]
                ),
            )
            head_node = ray.get_runtime_context().gcs_address
            try:
                with nodes.requested(), progress.showing(), watched(head_node, progress.say), sigterm_as_sigint():
                    tuner.fit()
            finally:
                recorder.close()
        self.forget_checkpoints()

    def forget_checkpoints(self) -> None:
        """Those of this sitting alone: other drivers may share the study."""
        if self.shared is not None:
            self.shared.forget_checkpoints(self.name)
        shutil.rmtree(self.folder.ray / self.name, ignore_errors=True)

    def _recorder(self, nodes: Nodes) -> Recorder:
        facts = {"commit": git_commit(Path(__file__).resolve().parents[2])}
        plan = Plan(self.ledger.spec, self.ledger.finished, self.ledger.held)
        widths = {name: each.dataset.features.shape[1] for name, each in self.data.items()}
        device = torch.device("cuda" if self.options.resources.gpus else "cpu")
        grouping = Grouping(self.ledger.spec, widths, device)
        return Recorder(self.ledger, plan, self.folder, LostWorkers(nodes.dead), facts, self.trackers, grouping)

    def _placed(self, trainable: type[tune.Trainable]) -> Any:
        resources = self.options.resources
        return tune.with_resources(
            tune.with_parameters(trainable, data=self.data, resources=resources),
            {"cpu": resources.cpus, "gpu": resources.gpus},
        )

    def _run_config(self, callbacks: list[tune.Callback]) -> RunConfig:
        every = self.ledger.spec.checkpoint_every
        return RunConfig(
            name=self.name,
            storage_path=self.shared.checkpoints if self.shared else str(self.folder.ray.resolve()),
            storage_filesystem=self.shared.filesystem if self.shared else None,
            stop=self.budget.deadline,
            callbacks=callbacks,
            failure_config=FailureConfig(max_failures=RETRIES),
            checkpoint_config=CheckpointConfig(checkpoint_frequency=every, checkpoint_at_end=False),
            verbose=0,
        )


@contextmanager
def _tune_settings() -> Iterator[None]:
    """Tune's loggers write three files a trial that nothing here reads, its snapshots of the experiment would only
    serve `Tuner.restore`, `verbose=0` keeps its newer console output from nothing, how many trials wait for a worker is
    the searcher's to decide: no more than there are slots, and a traceback for every worker that is lost tells nobody
    what is done about it: the run is tried again, or its record says why not."""
    ours = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "TUNE_GLOBAL_CHECKPOINT_S": "3600", "RAY_AIR_NEW_OUTPUT": "0",
        "TUNE_MAX_PENDING_TRIALS_PG": "1000000", "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    }  # fmt: skip
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with environment(ours):
            yield
    finally:
        logger.setLevel(level)
