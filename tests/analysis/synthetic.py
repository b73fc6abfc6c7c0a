"""Folders of studies that were never run: scores are drawn from a model whose truth is known.

The `map` of a test query is ``level + seed + query + method x query + method x seed + noise``, every term normal and
the terms without "method" common to all methods, as they are in a real study where methods share seeds and queries.
What the signs of a replicate are taken of scores `binarisation` more, with noise of its own. The other scores follow
from `map`. The records go through the study's own ledger and export, so the files are those a real study writes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from hasher.contract import MethodConfig, TrainedConfig
from hasher.data import load_dataset, make_splits
from hasher.files import sha256, write_atomically
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from hasher.retrieval.metrics import BY_QUERY, REAL_VALUED_ARRAY
from study.plan.finished import State, winner
from study.plan.spec import DatasetSpec, StudySpec
from study.plan.tasks import Cell, Job, Task, all_tasks
from study.record.evaluation_file import to_npz
from study.record.export import export
from study.record.ledger import Ledger
from study.record.run_files import EVALUATION, FILES
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder

#: Mean `map` at 16 bits.
LEVELS = {
    "spline": 0.60, "lanczos": 0.61, "chebyshev": 0.61, "gcn": 0.59, "fourier": 0.62, "none": 0.53,
    "float_cosine": 0.55, "float_diffusion": 0.66, "lsh": 0.40, "pca_sign": 0.45, "itq": 0.50,
}  # fmt: skip


def a_tenth_more(score: np.ndarray) -> np.ndarray:
    """A `map_at_k` that agrees with `map` about what is better."""
    return np.minimum(score + 0.1, 1.0)


def the_other_way(score: np.ndarray) -> np.ndarray:
    """A `map_at_k` that has the last trial, method and query of `map` first, and is spread wider."""
    return 1.2 - 1.3 * score


@dataclass(frozen=True)
class Truth:
    """What scores are drawn from: `levels` at 16 bits, `per_doubling` of the bits, and standard deviations; `at_k` is
    the `map_at_k` of a `map`."""

    levels: Mapping[str, float] = field(default_factory=lambda: LEVELS)
    per_doubling: float = 0.01
    seed: float = 0.003
    query: float = 0.08
    method_seed: float = 0.003
    method_query: float = 0.03
    noise: float = 0.02
    binarisation: float = 0.03
    chance: float = 0.1
    at_k: Callable[[np.ndarray], np.ndarray] = a_tenth_more

    def level(self, cell: Cell) -> float:
        """The true mean `map` of a cell."""
        doublings = 0.0 if cell.method in REFERENCES else math.log2(cell.bits / 16)
        return self.levels[cell.method] + self.per_doubling * doublings


def make_spec(**changes: Any) -> StudySpec:
    """A small study of the digits; `changes` are keys of a search-space file."""
    values: dict[str, Any] = {
        "name": "synthetic",
        "description": "Scores drawn from a known distribution",
        "datasets": ["digits"],
        "methods": ["none", "gcn", "chebyshev", "lanczos", "spline", "fourier"],
        "bits": [16, 32],
        "trials": 8,
        "replicates": 4,
        "epochs": 20,
        "sampler": {"name": "random"},
        "fixed": {"batch_size": 256},
        "space": {
            "filter_order": [
                {"type": "int", "low": 1, "high": 8, "methods": ["chebyshev"]},
                {"type": "int", "low": 2, "high": 8, "methods": ["lanczos"]},
                {"type": "int", "low": 4, "high": 12, "methods": ["spline"]},
                {"type": "int", "low": 4, "high": 32, "log": True, "methods": ["fourier"]},
            ],
            "knn_size": {"type": "int", "low": 4, "high": 24, "log": True,
                         "methods": ["gcn", "chebyshev", "lanczos", "spline", "fourier"]},
            "ae_width": {"type": "categorical", "choices": [128, 256, 512]},
            "alpha": {"type": "float", "low": 0.5, "high": 4.0, "log": True},
            "learning_rate": {"type": "float", "low": 0.0005, "high": 0.01, "log": True},
        },
    }  # fmt: skip
    return StudySpec(**{**values, **changes})


#: How a run is to end; None leaves it out, as if the study had been stopped before it.
Ending = Callable[[Task], State | None]


def mostly_complete(task: Task) -> State | None:
    """Every test run completes; every fourth search trial is pruned, every 29th of its kind diverges."""
    if task.kind != "search":
        return "complete"
    if task.index % 4 == 3:
        return "pruned"
    return "diverged" if (task.index * 7 + task.cell.bits) % 29 == 0 else "complete"


def in_memory(folder: StudyFolder) -> BaseStorage:
    """A ledger that leaves no journal.log behind: ten times as fast."""
    return InMemoryStorage()


def in_journal(folder: StudyFolder) -> BaseStorage:
    """A ledger in journal.log, as a study has it unless told otherwise."""
    return open_storage(str(folder.journal))


def write_study(
    runs: Path,
    spec: StudySpec,
    truth: Truth | None = None,
    ending: Ending = mostly_complete,
    queries: int = 60,
    ledger_in: Callable[[StudyFolder], BaseStorage] = in_memory,
) -> Path:
    """Write the folder of a study below `runs`; the same arguments give the same scores. Returns its path.

    `digits` gets the test queries of its real split, any other data set `queries` of them.
    """
    folder = StudyFolder(runs / spec.name)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.freeze(spec, None)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ledger = Ledger(spec, ledger_in(folder))
    model = _Model(truth or Truth(), spec, queries)
    for task in all_tasks(spec):
        state = ending(task)
        untested = spec.is_searched(task.cell.method) and winner(spec, ledger.finished, task.cell) is None
        if state is None or (task.kind == "test" and untested):
            continue
        outcome, curve, arrays = model.run(ledger.begin(task), state)
        files = {}
        if arrays is not None:
            content = to_npz(arrays)
            write_atomically(folder.evaluation(task), content)
            files[EVALUATION] = sha256(content)
        ledger.finish(task, state, {**outcome, FILES: files}, curve)
    export(ledger, folder)
    return folder.path


class _Model:
    def __init__(self, truth: Truth, spec: StudySpec, queries: int) -> None:
        self._truth, self._spec = truth, spec
        self._data = {dataset.name: _data_facts(dataset.source, spec, queries) for dataset in spec.datasets}

    def run(self, job: Job, state: State) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray] | None]:
        """Outcome, curve and evaluation of one run."""
        task, rng = job.task, self._rng(job.task.kind, str(job.task.cell), job.task.index)
        facts = self._data[task.cell.dataset]
        outcome: dict[str, Any] = {
            "scored_on": "validation" if task.kind == "search" else "test",
            "train_items": 1248, "database_items": 1248, "queries": len(facts["query_index"]),
            "started": "2025-01-01T00:00:00.000+00:00", "seconds": (seconds := round(1 + rng.random(), 4)),
            "device_seconds": seconds, "data_fingerprint": facts["fingerprint"], "host": "synthetic", "device": "none",
            "threads": 1, "versions": "python=3.11.0 torch=2.6.0", "commit": "0" * 40, "ray": "2.60.0",
        }  # fmt: skip
        if state == "failed":
            return outcome | {"error": "RuntimeError: made to fail"}, {}, None
        if task.kind == "search":
            return self._search(job, state, outcome, rng)
        if task.cell.method == "pca_sign" and task.cell.bits > 64:
            return outcome | {"note": f"pca_sign has no {task.cell.bits}-bit code on this data"}, {}, None
        epochs = getattr(job.config, "trained_epochs", 0)
        curve = _losses(epochs, state, rng)
        outcome |= {"epochs": epochs, "chosen_epoch": epochs} if epochs else {}
        if state == "diverged":
            return outcome | {"error": "loss is nan at epoch 3"}, curve, None
        arrays = self._evaluation(task, rng)
        scores = {name: float(arrays[metric.array].mean()) for name, metric in BY_QUERY.items()}
        if REAL_VALUED_ARRAY in arrays:  # of codes
            scores["map_released"] = 0.9 + 0.05 * scores["map"]
            scores["map_real_valued"] = float(arrays[REAL_VALUED_ARRAY].mean())
        return outcome | scores, curve, arrays

    def _search(
        self, job: Job, state: State, outcome: dict[str, Any], rng: np.random.Generator
    ) -> tuple[dict[str, Any], dict[str, Any], None]:
        assert job.config is not None
        config, task, objective, chance = job.config, job.task, self._spec.objective, self._truth.chance
        final = self._truth.level(task.cell) - _miss(config) + rng.normal(0, 0.005)
        at_k = float(self._truth.at_k(np.array(final)))
        finals = {"map": final, "map_at_k": at_k, "precision_at_radius_2": final / 2}
        if not isinstance(config, TrainedConfig):
            return outcome | finals | {"epochs": 0, "chosen_epoch": 0}, {}, None
        epochs = {"pruned": config.epochs // 2, "diverged": 3}.get(state, config.epochs)
        rise = 1 - np.exp(-np.arange(1, epochs + 1) / (config.epochs / 6))
        wobble = rng.normal(0, 0.001, epochs) - (state == "pruned") * 0.05
        scores = {name: chance + (value - chance) * rise + wobble for name, value in finals.items()}
        curve = _losses(epochs, state, rng) | {objective: [float(f"{score:.6g}") for score in scores[objective]]}
        outcome |= {"epochs": epochs}
        if state == "diverged":
            scores = {name: values[:-1] for name, values in scores.items()}
            curve[objective][-1] = None
            outcome |= {"error": f"loss is nan at epoch {epochs}"}
        best = int(scores[objective].argmax())
        outcome |= {name: float(values[best]) for name, values in scores.items()}
        return outcome | {"chosen_epoch": best + 1}, curve, None

    def _evaluation(self, task: Task, rng: np.random.Generator) -> dict[str, np.ndarray]:
        truth, cell = self._truth, task.cell
        index = self._data[cell.dataset]["query_index"]
        count = len(index)
        paired_seed = self._rng("seed", task.kind, task.index).normal(0, truth.seed)
        fixed = cell.method in REFERENCES or not find_method(cell.method).has_randomness
        seed = 0.0 if fixed else paired_seed + rng.normal(0, truth.method_seed)
        shared = self._rng("query", cell.dataset).normal(0, truth.query, count)
        own = self._rng("method query", str(cell)).normal(0, truth.method_query, count)
        scores = truth.level(cell) + seed + shared + own + rng.normal(0, truth.noise, count)
        cutoffs = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1497])
        level = float(scores.mean())
        arrays = {
            "query_index": index,
            "map_by_query": scores,
            "map_at_k_by_query": truth.at_k(scores),
            "precision_at_radius_2_by_query": np.full(
                count, np.nan if cell.method in REFERENCES else scores.mean() / 2
            ),
            "ndcg_by_query": scores + 0.2,
            "ndcg_at_k_by_query": scores + 0.1,
            "map_at_1000_by_query": scores + 0.02,
            "map_at_5000_by_query": scores,
            "map_best_ties_by_query": scores + 0.03,
            "map_worst_ties_by_query": scores - 0.04,
            "cutoffs": cutoffs,
            "precision_at_n": level + (0.95 - level) * np.exp(-cutoffs / 150),
            "map_at_cutoffs": level + (0.95 - level) * np.exp(-cutoffs / 400),
        }
        if cell.method in REFERENCES:
            return arrays
        own_noise = self._rng("real values", str(cell), task.index).normal(0, truth.noise, count)
        arrays[REAL_VALUED_ARRAY] = scores + truth.binarisation + own_noise
        radii = np.arange(cell.bits + 1) / cell.bits
        mixed = rng.normal(size=(500, cell.bits)) @ (np.eye(cell.bits) + 0.1 * rng.normal(size=(cell.bits, cell.bits)))
        return arrays | {
            "precision_by_radius": truth.chance + (0.3 + level - truth.chance) / (1 + np.exp(12 * (radii - 0.35))),
            "recall_by_radius": 1 / (1 + np.exp(-14 * (radii - 0.3))),
            "bit_balance": (mixed > 0).mean(axis=0),
            "bit_correlation": np.corrcoef(mixed, rowvar=False),
        }

    def _rng(self, *purpose: str | int) -> np.random.Generator:
        """The stream of one purpose: the same wherever the same purpose is named."""
        text = "/".join(map(str, (self._spec.seed, *purpose)))
        return np.random.default_rng(list(text.encode()))


def _miss(config: MethodConfig) -> float:
    """How far a configuration is from the best there is."""
    if not isinstance(config, HAGCNConfig):
        return 0.0
    miss = 0.05 * math.log10(config.learning_rate / 2e-3) ** 2 + 0.01 * math.log2(config.knn_size / 8) ** 2
    return miss if config.filter_order is None else miss + 0.005 * abs(math.log2(config.filter_order / 5))


def _losses(epochs: int, state: State, rng: np.random.Generator) -> dict[str, Any]:
    if not epochs:
        return {}
    epoch = np.arange(1, epochs + 1)
    parts = {f"loss_{name}": scale * (0.3 + np.exp(-epoch / 5)) for name, scale in
             (("rec", 0.5), ("sim", 0.4), ("quant", 0.2), ("bal", 0.1))}  # fmt: skip
    columns = {"loss": sum(parts.values()) + rng.normal(0, 0.01, epochs), **parts, "seconds": np.full(epochs, 0.05)}
    curve: dict[str, Any] = {"epoch": epoch.tolist()} | {name: values.tolist() for name, values in columns.items()}
    if state == "diverged":
        curve["loss"][-1] = None
    return curve


def _data_facts(source: str, spec: StudySpec, queries: int) -> dict[str, Any]:
    if source == "digits":
        return _digits_facts(spec.split_seed)
    return {"query_index": np.arange(queries), "fingerprint": "unknown"}


@functools.cache
def _digits_facts(split_seed: int) -> dict[str, Any]:
    dataset = load_dataset("digits")
    split = make_splits(dataset, DatasetSpec(source="digits").split_config(split_seed)).final
    return {"query_index": split.queries, "fingerprint": dataset.fingerprint}
