"""The record of every run, kept in an Optuna storage: the only source of truth of a study.

Each cell's search is an Optuna study of its own, ``<study>/<data set>/<method>/<bits>``; the test runs of a data set
are the trials of ``<study>/<data set>/test``. Whatever is known of a run hangs on its Optuna trial, so a
study can be resumed, exported or opened in optuna-dashboard from the storage alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hasher.contract import MethodConfig
from hasher.errors import UserError
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from study.plan.dimensions import distributions
from study.plan.finished import Finished, State, done, winning_task
from study.plan.spec import LATER_DATASET_KEYS, StudySpec
from study.plan.tasks import Cell, Job, Task
from study.record.generations import fitting_generation, latest_generation
from study.record.journal import batched, sync
from study.record.sampling import make_pruner, make_sampler
from study.record.stored import finished_of, has_ended, study_names, task_of


@dataclass(frozen=True)
class Run:
    """One stored run: the task, how it ended, everything recorded of it, and its epochs as columns.

    A test run is superseded where a study that was extended has another winner.
    """

    task: Task
    state: State
    outcome: dict[str, Any]
    curve: dict[str, list[float | None]]
    superseded: bool


@dataclass
class _Open:
    """A run under way. `decisions` are the pruner's, by epoch: whether to stop."""

    job: Job
    trial: optuna.Trial
    decisions: dict[int, bool] = field(default_factory=dict)


class Ledger:
    """Begins runs, takes their reports and their ends, and knows which have ended (`finished`).

    Opening it creates missing Optuna studies and closes what an earlier driver left open: a run whose outcome is
    stored has ended; others are marked as failed in Optuna, count for nothing here, and are to be redone. Only one
    ledger may be open on a study at a time. `former` are digests (`spec_digest`) of what the study was before it was
    extended; `guard` is asked before a run is begun and before its end is stored, and raises where this ledger may do
    neither any more. Where `held` is given, other drivers have the other cells: what these leave open is theirs. Raises
    `UserError` where the storage holds a different study of this name.
    """

    def __init__(
        self, spec: StudySpec, storage: BaseStorage, former: Collection[str] = (),
        guard: Callable[[], None] | None = None,
        held: Collection[Cell] | None = None,
    ) -> None:  # fmt: skip
        self.spec = spec
        self._guard, self.held = guard, held
        self.finished: dict[Task, Finished] = {}
        self._storage = storage
        self._open: dict[Task, _Open] = {}
        self._interrupted: dict[Task, dict[str, Any]] = {}  # the configuration each had, to be kept when redone
        self._again: set[Task] = set()
        existing, names = set(optuna.get_all_study_names(storage)), study_names(spec)
        for name in names.values():
            self._check(name, existing, {spec_digest(spec), *former})
        with batched(storage):
            self._studies = {key: self._open_study(key, name, existing) for key, name in names.items()}
        for study in self._studies.values():
            self._read(study)

    def _check(self, name: str, existing: Collection[str], digests: Collection[str]) -> None:
        if name not in existing:
            return
        study = optuna.load_study(study_name=latest_generation(name, existing), storage=self._storage)
        # A driver killed as it creates a study leaves one without a digest, and without trials.
        stored = study.user_attrs.get("spec")
        if study.direction != StudyDirection.MAXIMIZE or not (stored is None or stored in digests):
            raise UserError(f"storage: it already holds another study named {name}, choose a different --name")

    def _open_study(self, key: Cell | str, name: str, existing: Collection[str]) -> optuna.Study:
        digest = spec_digest(self.spec)
        if name not in existing:
            study = optuna.create_study(
                study_name=name, storage=self._storage, direction="maximize", load_if_exists=True
            )  # another driver may create it now
        else:
            study = optuna.load_study(study_name=latest_generation(name, existing), storage=self._storage)
            self._close_running(key, study)
            if isinstance(key, Cell) and self._holds(key):
                space = distributions(self.spec.space_for(key.method))
                study = fitting_generation(name, space, self._storage, existing)
        if study.user_attrs.get("spec") != digest:
            study.set_user_attr("spec", digest)
        study.pruner = make_pruner(self.spec.pruner, self.spec.epochs)
        return study

    def _close_running(self, key: Cell | str, study: optuna.Study) -> None:
        for trial in study.get_trials(deepcopy=False):
            task = task_of(trial)
            if not self._holds(task.cell if task else key if isinstance(key, Cell) else None):
                continue
            if trial.state == TrialState.WAITING:  # enqueued for a task, but its driver died before it took it up
                self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            elif trial.state == TrialState.RUNNING:
                self._close(study, trial.number, trial.user_attrs.get("outcome"))

    def _holds(self, cell: Cell | None) -> bool:
        return self.held is None or cell in self.held

    def _read(self, study: optuna.Study) -> None:
        for trial in study.get_trials(deepcopy=False):
            task, outcome = task_of(trial), trial.user_attrs.get("outcome")
            if task is not None and outcome is not None:
                self.finished[task] = finished_of(self.spec, trial.user_attrs["task"], outcome, trial.params)
            elif task is not None:
                self._interrupted[task] = trial.params

    def run_again(self, tasks: Iterable[Task]) -> None:
        """Take test runs that have ended for such that have not: what they left is lost."""
        for task in tasks:
            del self.finished[task]
            self._again.add(task)

    def _study_of(self, task: Task) -> optuna.Study:
        return self._studies[task.cell if task.kind == "search" else task.cell.dataset]

    def begin(self, task: Task) -> Job:
        """Open the run in the storage and decide its configuration.

        A search trial that was interrupted keeps the configuration it had; a test run takes the winner's, and stops
        after the winner's best epoch. Its schedule is the winner's too: one laid out for fewer epochs would reach its
        largest steps, and its end, where the winner's had not.
        """
        if self._guard is not None:
            self._guard()
        seed = task.seed(self.spec.seed)
        study = self._study_of(task)
        with batched(self._storage):
            trial = self._ask(study, task, seed) if task.kind == "search" else study.ask()
            trial.set_user_attr("task", {
                "kind": task.kind, "dataset": task.cell.dataset, "method": task.cell.method, "bits": task.cell.bits,
                "index": task.index, "seed": seed, **self._of_extensions(task),
            })  # fmt: skip
        limit = self.spec.trial_time_limit if task.kind == "search" else None
        config = self._configure(task, trial.params)
        job = Job(task, seed, config, self.spec.report_every, self.spec.objective, self.spec.k, limit)
        self._open[task] = _Open(job, trial)
        return job

    def _configure(self, task: Task, sampled: dict[str, Any]) -> MethodConfig | None:
        cell = task.cell
        if cell.method in REFERENCES:
            return None
        if task.kind == "search" or not self.spec.is_searched(cell.method):
            return self.spec.configure(cell.method, cell.bits, sampled)
        best = self.finished[self._winner(cell)]
        config = self.spec.configure(cell.method, cell.bits, best.params, best.planned_epochs)
        return config.model_copy(update={"stop_after": best.chosen_epoch}) if best.chosen_epoch else config

    def _winner(self, cell: Cell) -> Task:
        best = winning_task(self.spec, self.finished, cell)
        if best is None:
            raise RuntimeError(f"{cell}: no winner to test")
        return best

    def _of_extensions(self, task: Task) -> dict[str, int]:
        """What is kept of a task in case the study is extended: what it would not say of this run any more."""
        if task.kind == "search" or not self.spec.is_searched(task.cell.method):
            return {"epochs": self.spec.epochs}
        best = self._winner(task.cell)
        return {"epochs": self.finished[best].planned_epochs or self.spec.epochs, "winner": best.index}

    def _ask(self, study: optuna.Study, task: Task, seed: int) -> optuna.Trial:
        space = distributions(self.spec.space_for(task.cell.method))
        params = self._interrupted.pop(task, None)
        if self.spec.sampler.name == "grid":
            grid = self.spec.grid_for(task.cell.method)
            params = grid[task.index % len(grid)]
        if params is None or params.keys() != space.keys():
            params = self.spec.first_for(task.cell.method, task.index)
        if params:
            study.enqueue_trial(params)
        # Seeded by the trial, not once a process: what is sampled depends on the finished trials of the cell and on
        # nothing else, so a resumed study samples what an undisturbed one would have.
        study.sampler = make_sampler(self.spec.sampler, seed)
        return study.ask(space)

    def report(self, task: Task, epoch: int, score: float) -> bool:
        """Store an intermediate score of a search trial; True where the cell's pruner says to stop it.

        A run that lost its worker repeats epochs: their scores are the same, and so is what was decided on them.
        """
        run = self._open[task]
        if epoch not in run.decisions:
            run.trial.report(score, epoch)
            run.decisions[epoch] = run.trial.should_prune()
        return run.decisions[epoch]

    def finish(self, task: Task, state: State, outcome: dict[str, Any], curve: dict[str, list[float | None]]) -> None:
        """Close the run. `outcome` must hold what JSON can, the study's objective among it."""
        if self._guard is not None:
            self._guard()
        run = self._open.pop(task)
        job, trial = run.job, run.trial
        config = find_method(task.cell.method).settings(job.config) if job.config else {}
        outcome = {**config, **outcome, "state": state, "seed": job.seed}
        with batched(self._storage):
            trial.set_user_attr("curve", curve)
            trial.set_user_attr("outcome", outcome)
            self._close(self._study_of(task), trial.number, outcome)
        sync(self._storage)
        self.finished[task] = finished_of(self.spec, trial.user_attrs["task"], outcome, trial.params)
        self._again.discard(task)

    def abandon_open(self) -> int:
        """Close the runs still open, to be redone later; returns how many there were."""
        abandoned = list(self._open)
        for task in abandoned:
            self.abandon(task)
        return len(abandoned)

    def abandon(self, task: Task) -> None:
        """Close an open run that is to be redone, with the configuration it has."""
        trial = self._open.pop(task).trial
        self._close(self._study_of(task), trial.number, None)
        self._interrupted[task] = trial.params

    def runs(self) -> Iterator[Run]:
        """Every finished run: searches cell by cell, then test runs, in the order of the spec. Of one that was run
        again since what it left was lost, the last."""
        for study in self._studies.values():
            trials = [(task_of(trial), trial) for trial in study.get_trials(deepcopy=False) if has_ended(trial)]
            ended = [(task, trial) for task, trial in trials if task is not None]
            last = {task: trial.number for task, trial in ended}
            last_like_it = {(task, trial.user_attrs["task"].get("winner")): trial.number for task, trial in ended}
            counting = set(done(self.spec, self.finished, last))
            for task, trial in sorted(ended, key=lambda pair: self._position(pair[0])):
                lost = task in self._again and trial.number == last[task]
                if lost or trial.number != last_like_it[task, trial.user_attrs["task"].get("winner")]:
                    continue
                stored = trial.user_attrs["outcome"]
                outcome = {
                    **stored, "planned_epochs": trial.user_attrs["task"].get("epochs"),
                    "optuna_study": study.study_name, "optuna_trial": trial.number,
                }  # fmt: skip
                counts = trial.number == last[task] and task in counting
                yield Run(task, stored["state"], outcome, trial.user_attrs.get("curve", {}), not counts)

    def _position(self, task: Task) -> tuple[Any, ...]:
        order = [*self.spec.all_methods, *REFERENCES]
        return order.index(task.cell.method), task.cell.bits, task.index

    def _close(self, study: optuna.Study, number: int, outcome: dict[str, Any] | None) -> None:
        """End a trial in Optuna as its outcome says; without one, as failed."""
        state, score = (outcome["state"], outcome.get(self.spec.objective)) if outcome else ("failed", None)
        if state == "complete" and score is not None:
            study.tell(number, score)
        else:  # a code that this data set cannot have is complete, but Optuna wants a value of such a trial
            known = state in ("pruned", "timeout", "complete")  # scores that the sampler may learn from
            study.tell(number, state=TrialState.PRUNED if known else TrialState.FAIL)


def spec_digest(spec: StudySpec) -> str:
    """A hash of everything in a spec that decides results. Keys that came later count where they say something, so that
    studies of before go on."""
    content = spec.model_dump(mode="json", exclude={"description"})
    for dataset in content["datasets"]:
        for key in LATER_DATASET_KEYS:
            if dataset[key] is None:
                del dataset[key]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
