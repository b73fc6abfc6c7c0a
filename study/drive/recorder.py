"""The driver's side of every run: from the plan to a job, from a worker's steps to the ledger and the run's files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from hasher.files import sha256, write_atomically
from study.drive.grouping import Grouping
from study.drive.lost_workers import RETRIES, LostWorkers
from study.drive.tracking.trackers import Trackers
from study.plan.finished import State
from study.plan.order import Plan
from study.plan.tasks import Cell, Job, Task
from study.record.evaluation_file import to_npz
from study.record.ledger import Ledger
from study.record.run_files import EVALUATION, FILES, MODEL, path_of
from study.record.study_folder import StudyFolder
from study.work.runs import Step
from study.work.trainable import Failure, Steps


@dataclass
class _Running:
    job: Job
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  #: digests of what it left
    state: State | None = None  #: how it ended; None while it runs


class Recorder:
    """Follows the runs in flight under the ids that their executor gave them: one under each, or several that are
    trained together as `grouping` says.

    Where several fail together, or lose their worker twice, it is not known by which: each is then run by itself. Files
    of a run are written before its end is recorded: a run that counts as finished has its files. `trouble` is what
    keeps the whole study from going on. `trackers` are told of every run.
    """

    def __init__(
        self, ledger: Ledger, plan: Plan, folder: StudyFolder, lost_workers: LostWorkers, driver_facts: dict[str, Any],
        trackers: Trackers | None = None, grouping: Grouping | None = None,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.plan = plan
        self.trouble: Exception | None = None
        self._lost_workers = lost_workers
        self._folder = folder
        self._driver_facts = driver_facts
        self._trackers = trackers or Trackers()
        self._grouping = grouping
        self._apart: set[Cell] = set()
        self._running: dict[str, list[_Running]] = {}
        self._next: list[Job] = []

    def prepare(self) -> None:
        """Open the next job ahead of time, so that a slot that falls free need not wait for it.

        What a cell tries next depends on its own trials alone. Where it has several in flight, a job opened now would
        know the results of fewer than one opened later, so it is not.
        """
        if not self._next and self.ledger.spec.parallel_trials == 1:
            self._next = self._open()

    def release(self) -> None:
        """Give back what was prepared and not started."""
        for job in reversed(self._next):
            self.ledger.abandon(job.task)
            self.plan.requeue(job.task)
        self._next = []

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing more to start."""
        return not self._next and self.plan.exhausted

    def start(self, run_id: str) -> list[Job]:
        """The next jobs, opened in the ledger, to be done together; none where nothing can start now."""
        jobs, self._next = self._next or self._open(), []
        if jobs:
            self._running[run_id] = [_Running(job) for job in jobs]
        for job in jobs:
            self._lost_workers.began(job.task)
            self._trackers.begin(job)
        return jobs

    def _open(self) -> list[Job]:
        task = self.plan.next_task()
        if task is None:
            return []
        first = self.ledger.begin(task)
        if self._grouping is None or task.cell in self._apart:
            return [first]
        tasks = self._grouping.group(first)
        others = [self.ledger.begin(other) for other in self.plan.take(tasks)]
        group = tuple((each.index, each.seed(self.ledger.spec.seed)) for each in tasks)
        return [replace(job, group=group) for job in (first, *others)]

    @property
    def in_flight(self) -> int:
        """How many slots have something to do."""
        return len(self._running)

    def running(self) -> list[tuple[Task, float]]:
        """The runs in flight, each with the seconds it had taken by its last step."""
        every = (one for together in self._running.values() for one in together)
        return [(one.job.task, one.outcome.get("seconds", 0.0)) for one in every]

    def should_stop(self, run_id: str, steps: Steps) -> bool:
        """Report the latest score of each search trial to its cell; True where the cell's pruner gives it up."""
        given_up = [self._is_given_up(*each) for each in zip(self._running[run_id], steps, strict=True)]
        return any(given_up)  # of several together none is, see `Grouping`

    def _is_given_up(self, running: _Running, step: Step | Failure | None) -> bool:
        if not isinstance(step, Step) or running.job.task.kind != "search" or not step.epochs:
            return False
        last = step.epochs[-1]
        if self.ledger.report(running.job.task, int(last["epoch"]), last[running.job.objective]):
            running.state = "pruned"
            return True
        return False

    def collect(self, run_id: str, steps: Steps) -> None:
        """Take in one step of the runs of an id. A retry after a lost worker repeats epochs: the later replaces the
        earlier."""
        for running, step in zip(self._running[run_id], steps, strict=True):
            if isinstance(step, Failure):
                running.outcome |= step.outcome
                running.state = "failed"
            elif step is not None:
                self._take(running, step)

    def _take(self, running: _Running, step: Step) -> None:
        running.outcome |= step.outcome
        running.epochs |= {int(epoch["epoch"]): epoch for epoch in step.epochs}
        if step.state != "running":
            running.state = step.state
        task = running.job.task
        if step.evaluation is not None:
            self._keep(running, EVALUATION, to_npz(step.evaluation))
        if step.model is not None:
            self._keep(running, MODEL, step.model)
        self._trackers.log(task, step)

    def _keep(self, running: _Running, file: str, content: bytes) -> None:
        write_atomically(path_of(self._folder, running.job.task, file), content)
        running.files[file] = sha256(content)

    def lost(self, run_id: str) -> int:
        """The worker of an id was lost. Returns how often that may happen again; below 0, it was once too often."""
        together = self._running[run_id]
        for running in together:
            running.state = None
        left = min(self._lost_workers.retries_left(running.job.task) for running in together)
        return left - RETRIES + 1 if together[0].job.group else left

    def give_up(self, run_id: str) -> None:
        """What has lost its worker once too often has failed."""
        for running in self._running[run_id]:
            running.state = "failed"
            running.outcome["error"] = "the worker was lost, and so were those of its retries"

    def end(self, run_id: str) -> None:
        """Record the ends of the runs of an id; what came to none goes back to the plan, to be redone."""
        together = self._running.pop(run_id)
        if together[0].job.group and any(running.state == "failed" for running in together):
            self._apart.add(together[0].job.task.cell)
            for running in together:
                running.state = None
        for running in reversed(together):  # what is put back first is handed out last
            self._end(running)

    def _end(self, running: _Running) -> None:
        task = running.job.task
        if running.state is None:
            self.ledger.abandon(task)
            self.plan.requeue(task)
            self._trackers.end(task, "failed")
            return
        outcome = {key: _finite(value) for key, value in {**running.outcome, **self._driver_facts}.items()}
        self.ledger.finish(task, running.state, {**outcome, FILES: running.files}, _columns(running.epochs))
        self.plan.ended(task)
        self._lost_workers.ended(task)
        self._trackers.end(task, "failed" if running.state == "failed" else "complete")

    def close(self) -> None:
        """The study has ended or stops: nothing starts any more, and no step is collected."""
        try:
            self.release()
        finally:
            self._trackers.close()


def _columns(epochs: dict[int, dict[str, float]]) -> dict[str, list[float | None]]:
    """Epochs as columns, to six digits: what a curve is drawn from."""
    rows = [epochs[number] for number in sorted(epochs)]
    names = rows[0] if rows else {}
    return {name: [_finite(float(f"{row[name]:.6g}")) for row in rows] for name in names}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
