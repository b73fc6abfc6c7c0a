"""What a worker does for each kind of job, a step at a time. Knows nothing of Ray."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np

from hasher.contract import EpochResult, Training
from hasher.data import EmbeddingSet, Split
from hasher.encoders import Encoder
from hasher.methods.registry import find_method
from hasher.model_file import SavedHasher, origin_of, to_bytes
from hasher.references import REFERENCES
from hasher.retrieval import Retrieval, bit_balance, bit_correlation
from hasher.retrieval.metrics import REAL_VALUED, REAL_VALUED_ARRAY, RELEASED, all_scores_of, arrays_of, scores_of
from hasher.scoring import encode_split, real_values_of_split, released_score, score_codes, score_real_values
from hasher.training.loop import resolve_device
from study.plan.tasks import Job
from study.work.data import StudyData


@dataclass(frozen=True)
class Step:
    """What one step gave: `outcome` holds all that is known so far and replaces what earlier steps said.

    `epochs` are the new epochs only. `evaluation` (arrays) and `model` (a model file) come with the last step of a
    test run.
    """

    state: Literal["running", "complete", "timeout", "diverged"]
    outcome: dict[str, Any]
    epochs: list[dict[str, float]] = field(default_factory=list)
    evaluation: Mapping[str, np.ndarray] | None = None
    model: bytes | None = None


class Work(Protocol):
    """One job under way."""

    def step(self) -> Step:
        """Go on until the next report, or to the end."""

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` of the same job's work needs to go on from here."""

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class EpochWork(ABC):
    """A job that trains: epochs are taken in one by one, whoever runs them, and reported together."""

    def __init__(self, job: Job, data: StudyData, split: Split) -> None:
        self._job, self._data = job, data
        self._dataset, self._split = data.dataset, split
        self._impossible = _impossible(job, self._dataset, split)
        self.training: Training | None = None
        self._rows: list[dict[str, float]] = []
        self._end: tuple[Literal["diverged", "timeout"], dict[str, Any]] | None = None

    def start(self, training: Training | None = None) -> Self:
        """Begin, with a training at its start where the caller has one."""
        if self._impossible is None:
            self.training = training or _start(self._job, self._dataset, self._split)
        return self

    @property
    def is_going(self) -> bool:
        """Whether there are epochs left to run."""
        return self._end is None and self.training is not None and self.training.epoch < self.training.epochs

    def epochs_to_report(self) -> int:
        """How many epochs there are until the next report."""
        return 0 if self.training is None else min(self._job.report_every, self.training.epochs - self.training.epoch)

    def step(self) -> Step:
        for _ in range(self.epochs_to_report()):
            assert self.training is not None  # nothing is left to report without one
            self.take(self.training.run_epoch())
            if not self.is_going:
                break
        return self.report()

    def take(self, result: EpochResult) -> None:
        """Take in an epoch that the training has just run."""
        if result.diverged:
            self._end = "diverged", {"error": f"loss is {result.losses['loss']} at epoch {result.epoch}"}
        self._rows.append({**result.as_row(), **self._judge(result)})

    def report(self) -> Step:
        """What the epochs since the last report gave, and the end where they were the last."""
        rows, self._rows = self._rows, []
        if self.training is None:
            return Step("complete", {"scored_on": self._scored_on, **_sizes(self._split), "note": self._impossible})
        if self._end is not None:
            state, why = self._end
            return Step(state, self._outcome(self.training) | why, rows)
        if self.is_going:
            return Step("running", self._outcome(self.training), rows)
        return self._complete(self.training, rows)

    def state_dict(self) -> dict[str, Any]:
        return {} if self.training is None else {"training": self.training.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.training is not None:
            self.training.load_state_dict(state["training"])

    #: The queries that scores are of.
    _scored_on: ClassVar[str]

    @abstractmethod
    def _judge(self, result: EpochResult) -> dict[str, float]:
        """What is to be known of an epoch beside its losses."""

    @abstractmethod
    def _outcome(self, training: Training) -> dict[str, Any]: ...

    @abstractmethod
    def _complete(self, training: Training, rows: list[dict[str, float]]) -> Step: ...


class SearchWork(EpochWork):
    """Trains on the search split and scores every epoch on the validation queries.

    Stops after the epoch in which the job's time limit passes; only time spent here counts, of all its workers.
    """

    _scored_on = "validation"

    def __init__(self, job: Job, data: StudyData) -> None:
        super().__init__(job, data, data.splits.search)
        self._best: dict[str, Any] = {}
        self._seconds = 0.0

    def _judge(self, result: EpochResult) -> dict[str, float]:
        training, started = self.training, time.perf_counter()
        assert training is not None
        if result.diverged:
            return {self._job.objective: float("nan")}
        score = self._score(training)
        self._seconds += result.seconds + time.perf_counter() - started
        limit = self._job.time_limit
        if limit is not None and self._seconds > limit and training.epoch < training.epochs:
            self._end = "timeout", {"note": f"over the time limit of {limit:g} s after epoch {result.epoch}"}
        return {self._job.objective: score}

    def _score(self, training: Training) -> float:
        """What the encoder scores now; kept where nothing before was better."""
        codes = encode_split(training.encoder, self._dataset, self._split)
        scores = scores_of(score_codes(self._dataset, self._split, *codes, self._job.k))
        if not self._best or scores[self._job.objective] > self._best[self._job.objective]:
            self._best = {**scores, "chosen_epoch": training.epoch}
        return scores[self._job.objective]

    def _outcome(self, training: Training) -> dict[str, Any]:
        return {"scored_on": self._scored_on, "epochs": training.epoch, **_sizes(self._split), **self._best}

    def _complete(self, training: Training, rows: list[dict[str, float]]) -> Step:
        if training.epochs == 0:
            self._score(training)
        return Step("complete", self._outcome(training), rows)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "best": self._best, "seconds": self._seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._best, self._seconds = state["best"], state["seconds"]


class TestWork(EpochWork):
    """Trains what was chosen on all non-test items and scores the test queries once, at the end."""

    __test__ = False  # pytest takes it for one of its own
    _scored_on = "test"

    def __init__(self, job: Job, data: StudyData) -> None:
        super().__init__(job, data, data.splits.final)

    def _judge(self, result: EpochResult) -> dict[str, float]:
        return {}

    def _outcome(self, training: Training) -> dict[str, Any]:
        course = {"epochs": training.epoch, "chosen_epoch": training.epochs} if training.epochs else {}
        return {"scored_on": self._scored_on, **course, **_sizes(self._split)}

    def _complete(self, training: Training, rows: list[dict[str, float]]) -> Step:
        scores, evaluation = _test(training.encoder, self._dataset, self._split, self._job.k)
        outcome = self._outcome(training) | scores
        model = self._model(training, outcome) if self._job.task.index == 0 else None  # the first stands for the cell
        return Step("complete", outcome, rows, evaluation, model)

    def _model(self, training: Training, outcome: dict[str, Any]) -> bytes:
        assert self._job.config is not None
        about = {**origin_of(self._dataset, self._data.splits.config), "seed": self._job.seed}
        method = find_method(self._job.task.cell.method)
        return to_bytes(SavedHasher(method, self._job.config, training.trained, about | outcome))


class ReferenceWork:
    """Scores the test queries by a ranking of the float vectors."""

    def __init__(self, job: Job, data: StudyData) -> None:
        self._job, self._data = job, data

    def step(self) -> Step:
        split = self._data.splits.final
        reference = REFERENCES[self._job.task.cell.method]
        found = reference.evaluate(self._data.dataset, split, self._job.k)
        outcome = {"scored_on": "test", **_sizes(split), **all_scores_of(found)}
        return Step("complete", outcome, evaluation=_arrays(found, split, None))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def start_work(job: Job, data: StudyData) -> Work:
    """The work of a job, not yet begun."""
    if job.task.cell.method in REFERENCES:
        return ReferenceWork(job, data)
    return epoch_work(job, data).start()


def epoch_work(job: Job, data: StudyData) -> EpochWork:
    """The work of a job that trains, to be started."""
    return SearchWork(job, data) if job.task.kind == "search" else TestWork(job, data)


def _start(job: Job, dataset: EmbeddingSet, split: Split) -> Training:
    assert job.config is not None  # only references have none
    method = find_method(job.task.cell.method)
    return method.start(job.config, dataset.features[split.train], job.seed, resolve_device("auto"))


def _impossible(job: Job, dataset: EmbeddingSet, split: Split) -> str | None:
    """Why the job's method has no such code of this data."""
    cell = job.task.cell
    return find_method(cell.method).impossible(cell.bits, len(split.train), dataset.features.shape[1])


def _test(
    encoder: Encoder, dataset: EmbeddingSet, split: Split, k: int
) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    """Scores of the codes and of the real values they are signs of, and the arrays they come from."""
    values = real_values_of_split(encoder, dataset, split)
    queries, database = (part > 0 for part in values)
    found = score_codes(dataset, split, queries, database, k)
    scores = all_scores_of(found) | {RELEASED.name: released_score(dataset, split, queries, database, k)}
    arrays = _arrays(found, split, database)
    before_signs = score_real_values(dataset, split, *values, k)
    if before_signs is not None:
        scores[REAL_VALUED.name] = before_signs.map
        arrays[REAL_VALUED_ARRAY] = before_signs.average_precision
    return scores, arrays


def _sizes(split: Split) -> dict[str, Any]:
    return {"train_items": len(split.train), "database_items": len(split.database), "queries": len(split.queries)}


def _arrays(found: Retrieval, split: Split, codes: np.ndarray | None) -> dict[str, np.ndarray]:
    """What figures and tests need of one evaluation, beyond its scores."""
    arrays = {
        "query_index": split.queries,
        **arrays_of(found),
        "cutoffs": found.cutoffs,
        "precision_at_n": found.precision_at_n,
        "map_at_cutoffs": found.map_at_cutoffs,
    }
    if codes is not None:
        arrays |= {
            "precision_by_radius": found.precision_by_radius,
            "recall_by_radius": found.recall_by_radius,
            "bit_balance": bit_balance(codes),
            "bit_correlation": bit_correlation(codes),
        }
    return arrays
