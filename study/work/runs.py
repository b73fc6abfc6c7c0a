"""What a worker does for each kind of job, a step at a time. Knows nothing of Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from hasher.baselines import evaluate_baseline
from hasher.data import EmbeddingSet, Split
from hasher.hagcn.model import Encoder
from hasher.model_file import SavedHasher, to_bytes
from hasher.retrieval import Retrieval, bit_balance, bit_correlation
from hasher.scoring import encode_split, real_values_of_split, released_score, score_codes, score_real_values
from hasher.training.loop import EpochResult, Trainer, resolve_device
from study.plan.tasks import Job
from study.work.data import StudyData


@dataclass(frozen=True)
class Step:
    """What one step gave: `outcome` holds all that is known so far and replaces what earlier steps said.

    `epochs` are the new epochs only. `evaluation` (arrays) and `model` (a model file) come with the last step of a
    replicate or baseline.
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


class SearchWork:
    """Trains on the search split and scores every epoch on the validation queries.

    Stops after the epoch in which the job's time limit passes; only time spent here counts, of all its workers.
    """

    def __init__(self, job: Job, data: StudyData) -> None:
        self._job = job
        self._dataset, self._split = data.dataset, data.splits.search
        self._trainer = _trainer(job, self._dataset, self._split)
        self._best: dict[str, Any] = {}
        self._seconds = 0.0

    def step(self) -> Step:
        epochs = []
        for _ in range(_epochs_left(self._trainer, self._job)):
            started = time.perf_counter()
            result = self._trainer.run_epoch()
            if result.diverged:
                epochs.append({**asdict(result), "map": float("nan")})
                return Step("diverged", self._outcome() | _divergence(result), epochs)
            codes = encode_split(self._trainer.encoder, self._dataset, self._split)
            found = score_codes(self._dataset, self._split, *codes, self._job.k)
            epochs.append({**asdict(result), "map": found.map})
            if found.map > self._best.get("map", -1.0):
                self._best = {**_scores(found), "chosen_epoch": result.epoch}
            self._seconds += time.perf_counter() - started
            limit = self._job.time_limit
            if limit is not None and self._seconds > limit and not self._ended():
                note = f"over the time limit of {limit:g} s after epoch {result.epoch}"
                return Step("timeout", self._outcome() | {"note": note}, epochs)
        return Step("complete" if self._ended() else "running", self._outcome(), epochs)

    def _ended(self) -> bool:
        return self._trainer.epoch == self._trainer.config.trained_epochs

    def _outcome(self) -> dict[str, Any]:
        return {"scored_on": "validation", "epochs": self._trainer.epoch, **_sizes(self._split), **self._best}

    def state_dict(self) -> dict[str, Any]:
        return {"trainer": self._trainer.state_dict(), "best": self._best, "seconds": self._seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._trainer.load_state_dict(state["trainer"])
        self._best, self._seconds = state["best"], state["seconds"]


class ReplicateWork:
    """Retrains a winner on all non-test items and scores the test queries once, at the end."""

    def __init__(self, job: Job, data: StudyData) -> None:
        self._job = job
        self._dataset, self._split = data.dataset, data.splits.final
        self._split_config = data.splits.config
        self._trainer = _trainer(job, self._dataset, self._split)

    def step(self) -> Step:
        epochs = []
        for _ in range(_epochs_left(self._trainer, self._job)):
            result = self._trainer.run_epoch()
            epochs.append(asdict(result))
            if result.diverged:
                return Step("diverged", self._outcome() | _divergence(result), epochs)
        if self._trainer.epoch < self._trainer.config.trained_epochs:
            return Step("running", self._outcome(), epochs)
        scores, evaluation = _test(self._trainer.encoder, self._dataset, self._split, self._job.k)
        outcome = self._outcome() | scores
        model = self._model(outcome) if self._job.task.index == 0 else None  # the first seed stands for the cell
        return Step("complete", outcome, epochs, evaluation, model)

    def _outcome(self) -> dict[str, Any]:
        return {
            "scored_on": "test", "epochs": self._trainer.epoch, "chosen_epoch": self._trainer.config.trained_epochs,
            **_sizes(self._split),
        }  # fmt: skip

    def _model(self, outcome: dict[str, Any]) -> bytes:
        about = {
            "dataset": self._dataset.name, "fingerprint": self._dataset.fingerprint,
            "split": self._split_config.model_dump(), "seed": self._job.seed,
        }  # fmt: skip
        return to_bytes(SavedHasher(self._trainer.trained, about | outcome))

    def state_dict(self) -> dict[str, Any]:
        return {"trainer": self._trainer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._trainer.load_state_dict(state["trainer"])


class BaselineWork:
    """Fits one baseline on all non-test items and scores the test queries."""

    def __init__(self, job: Job, data: StudyData) -> None:
        self._job, self._data = job, data

    def step(self) -> Step:
        cell, split = self._job.task.cell, self._data.splits.final
        outcome: dict[str, Any] = {"scored_on": "test", **_sizes(split)}
        found = evaluate_baseline(cell.method, self._data.dataset, split, cell.bits, self._job.seed, self._job.k)
        if found is None:
            return Step("complete", outcome | {"note": f"{cell.method} has no {cell.bits}-bit code on this data"})
        outcome |= _scores(found.retrieval) | {"map_released": found.map_released}
        return Step("complete", outcome, evaluation=_arrays(found.retrieval, split, found.database_codes))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def start_work(job: Job, data: StudyData) -> Work:
    """The work of a job, not yet begun."""
    kinds: dict[str, Callable[[Job, StudyData], Work]] = {
        "search": SearchWork,
        "replicate": ReplicateWork,
        "baseline": BaselineWork,
    }
    return kinds[job.task.kind](job, data)


def _trainer(job: Job, dataset: EmbeddingSet, split: Split) -> Trainer:
    assert job.config is not None  # only baselines have none
    return Trainer(job.config, dataset.features[split.train], job.seed, resolve_device("auto"))


def _epochs_left(trainer: Trainer, job: Job) -> int:
    return min(job.report_every, trainer.config.trained_epochs - trainer.epoch)


def _divergence(result: EpochResult) -> dict[str, Any]:
    return {"error": f"loss is {result.loss} at epoch {result.epoch}"}


def _test(
    encoder: Encoder, dataset: EmbeddingSet, split: Split, k: int
) -> tuple[dict[str, Any], Mapping[str, np.ndarray]]:
    """Scores of the codes and of the real values they are signs of, and the arrays they come from."""
    values = real_values_of_split(encoder, dataset, split)
    queries, database = (part > 0 for part in values)
    found = score_codes(dataset, split, queries, database, k)
    scores = _scores(found) | {"map_released": released_score(dataset, split, queries, database, k)}
    arrays = _arrays(found, split, database)
    before_signs = score_real_values(dataset, split, *values, k)
    if before_signs is not None:
        scores["map_real_valued"] = before_signs.map
        arrays["average_precision_real_valued"] = before_signs.average_precision
    return scores, arrays


def _scores(found: Retrieval) -> dict[str, Any]:
    return {"map": found.map, "map_at_k": found.map_at_k, "precision_at_radius_2": found.precision_at_radius_2}


def _sizes(split: Split) -> dict[str, Any]:
    return {"train_items": len(split.train), "database_items": len(split.database), "queries": len(split.queries)}


def _arrays(found: Retrieval, split: Split, codes: np.ndarray | None) -> dict[str, np.ndarray]:
    """What figures and tests need of one evaluation, beyond its scores."""
    arrays = {
        "query_index": split.queries,
        "average_precision": found.average_precision,
        "average_precision_at_k": found.average_precision_at_k,
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
