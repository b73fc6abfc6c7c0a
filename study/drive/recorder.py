"""The driver's side of every run: from the plan to a job, from a worker's steps to the ledger and the run's files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hasher.files import sha256, write_atomically
from study.drive.lost_workers import LostWorkers
from study.drive.tracking.trackers import Trackers
from study.plan.finished import State
from study.plan.order import Plan
from study.plan.tasks import Job, Task
from study.record.evaluation_file import to_npz
from study.record.ledger import Ledger
from study.record.run_files import EVALUATION, FILES, MODEL, path_of
from study.record.study_folder import StudyFolder
from study.work.runs import Step
from study.work.trainable import Failure


@dataclass
class _Running:
    job: Job
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  #: digests of what it left
    state: State | None = None  #: how it ended; None while it runs


class Recorder:
    """Follows the runs in flight, each under the id its executor gave it.

    Files of a run are written before its end is recorded: a run that counts as finished has its files. `trouble` is
    what keeps the whole study from going on. `trackers` are told of every run.
    """

    def __init__(
        self, ledger: Ledger, plan: Plan, folder: StudyFolder, lost_workers: LostWorkers, driver_facts: dict[str, Any],
        trackers: Trackers | None = None,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.plan = plan
        self.trouble: Exception | None = None
        self._lost_workers = lost_workers
        self._folder = folder
        self._driver_facts = driver_facts
        self._trackers = trackers or Trackers()
        self._running: dict[str, _Running] = {}
        self._next: Job | None = None

    def prepare(self) -> None:
        """Open the next job ahead of time, so that a slot that falls free need not wait for it.

        What a cell tries next depends on its own trials alone. Where it has several in flight, a job opened now would
        know the results of fewer than one opened later, so it is not.
        """
        if self._next is None and self.ledger.spec.parallel_trials == 1:
            self._next = self._open()

    def release(self) -> None:
        """Give back a job that was prepared and not started."""
        if self._next is not None:
            self.ledger.abandon(self._next.task)
            self.plan.requeue(self._next.task)
            self._next = None

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing more to start."""
        return self._next is None and self.plan.exhausted

    def start(self, run_id: str) -> Job | None:
        """The next job, opened in the ledger; None where nothing can start now."""
        job, self._next = self._next or self._open(), None
        if job is not None:
            self._lost_workers.began(job.task)
            self._running[run_id] = _Running(job)
            self._trackers.begin(job)
        return job

    def _open(self) -> Job | None:
        task = self.plan.next_task()
        return None if task is None else self.ledger.begin(task)

    def running(self) -> list[tuple[Task, float]]:
        """The runs in flight, each with the seconds it had taken by its last step."""
        return [(one.job.task, one.outcome.get("seconds", 0.0)) for one in self._running.values()]

    def should_stop(self, run_id: str, step: Step | Failure) -> bool:
        """Report a search trial's latest score to its cell; True where the cell's pruner gives the trial up."""
        running = self._running[run_id]
        if not isinstance(step, Step) or running.job.task.kind != "search" or not step.epochs:
            return False
        last = step.epochs[-1]
        if self.ledger.report(running.job.task, int(last["epoch"]), last[running.job.objective]):
            running.state = "pruned"
            return True
        return False

    def collect(self, run_id: str, step: Step | Failure) -> None:
        """Take in one step of a run. A retry after a lost worker repeats epochs: the later replaces the earlier."""
        running = self._running[run_id]
        running.outcome |= step.outcome
        if isinstance(step, Failure):
            running.state = "failed"
            return
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
        """The worker of a run was lost. Returns how often that may happen again; below 0, it was once too often."""
        running = self._running[run_id]
        running.state = None
        return self._lost_workers.retries_left(running.job.task)

    def give_up(self, run_id: str) -> None:
        """A run that has lost its worker once too often has failed."""
        running = self._running[run_id]
        running.state = "failed"
        running.outcome["error"] = "the worker was lost, and so were those of its retries"

    def end(self, run_id: str) -> None:
        """Record the end of a run; one that came to none goes back to the plan, to be redone."""
        running = self._running.pop(run_id)
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
