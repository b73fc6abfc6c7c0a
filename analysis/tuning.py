"""What tuning is worth: how many trials it takes, what it gains over one setting for all, and what it carries over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.results import DatasetResults
from analysis.statistics.tuning import best_quantile, expected_best
from analysis.study_records import StudyRecords
from study.plan.spec import StudySpec
from study.plan.tasks import Cell

#: Shares of searches between which the band of a tuning curve lies.
BAND = (0.05, 0.95)
#: Fewest trials from which a tuning curve is told, and fewest settings that all lengths tried for a shared one.
FEWEST_TRIALS, FEWEST_SHARED = 8, 6
#: What trials are to pass.
RIVAL = "itq"


@dataclass(frozen=True)
class TuningCurve:
    """The best validation score of k random trials, k = 1 … N: its expectation, and what `BAND` of searches reach."""

    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def trials_to(self, score: float) -> int | None:
        """The fewest trials whose best is expected to reach a score; None where no number here does.

        Other than the trials until one reaches it, which is a waiting time: here the mean over searches has to.
        """
        reached = np.flatnonzero(self.expected >= score)
        return int(reached[0]) + 1 if len(reached) else None


def why_no_curve(spec: StudySpec) -> str | None:
    """What keeps a study's trials from being a sample of independent ones; None where they are."""
    if spec.sampler.name != "random":
        return f"trials were chosen by {spec.sampler.name}, not drawn at random"
    if spec.pruner.name != "none":
        return "trials were pruned for what others scored"
    if spec.first_trials:
        return "the first trials were given"
    return None


def tuning_curve(results: DatasetResults, cell: Cell) -> TuningCurve | None:
    """The curve of a cell; None where its trials are no such sample, or too few. One without a score counts as 0."""
    if why_no_curve(results.study.spec) is not None:
        return None
    scores = results.study.runs("search", cell)["score"].fillna(0.0).to_numpy(float)
    if len(scores) < FEWEST_TRIALS:
        return None
    low, high = (best_quantile(scores, share) for share in BAND)
    return TuningCurve(expected_best(scores), low, high)


def tuning_curves(results: DatasetResults) -> dict[int, dict[str, TuningCurve]]:
    """The curves of all searched methods that have one, by code length; lengths without any are left out."""
    found: dict[int, dict[str, TuningCurve]] = {}
    for bits in results.bits:
        for name in results.searched:
            curve = tuning_curve(results, results.cell(name, bits))
            if curve is not None:
                found.setdefault(bits, {})[name] = curve
    return found


def best_so_far(results: DatasetResults, cell: Cell) -> NDArray[np.float64]:
    """The best validation score of a cell after each of its trials, in their order; one without a score counts as 0."""
    trials = results.study.runs("search", cell).sort_values("index")
    known = trials["score"].where(trials["state"] == "complete").fillna(0.0)
    return np.asarray(known.cummax().to_numpy(float))


@dataclass(frozen=True)
class Tunability:
    """One method's settings that all its code lengths tried: settings by lengths.

    The shared default is the setting with the best mean over the lengths. What tuning each length gains over it is the
    method's tunability (Probst, Boulesteix & Bischl, JMLR 2019); what a length loses with another one's best is the
    regret of a transfer.
    """

    bits: Sequence[int]
    trials: Sequence[int]  #: indices of the settings
    scores: NDArray[np.float64]  #: (settings, lengths), on validation queries

    @property
    def default(self) -> int:
        """Which of the settings is the shared default."""
        return int(self.scores.mean(axis=1).argmax())

    @property
    def gains(self) -> NDArray[np.float64]:
        """Best less default, by length."""
        return np.asarray(self.scores.max(axis=0) - self.scores[self.default])

    @property
    def regrets(self) -> NDArray[np.float64]:
        """What a length (row) loses with the best setting of another (column)."""
        best = self.scores.argmax(axis=0)
        return np.asarray(self.scores.max(axis=0)[:, None] - self.scores[best].T)


def tunability(results: DatasetResults, method: str) -> Tunability | None:
    """Of the trials with which every length ran to the end, the same setting under the same index; None where there
    are too few, or one length alone. Trials that a sampler chose by what others scored differ between lengths."""
    found = _shared([results.cell(method, length) for length in results.bits], results.study, method)
    return None if found is None else Tunability([cell.bits for cell in found.cells], found.trials, found.scores)


@dataclass(frozen=True)
class _Shared:
    """What several cells tried alike: the trials' indices, and scores (trials, cells)."""

    cells: Sequence[Cell]
    trials: Sequence[int]
    scores: NDArray[np.float64]


def _shared(candidates: Sequence[Cell], study: StudyRecords, method: str) -> _Shared | None:
    """Of the cells that were searched, the trials that ran to the end in all; None for one cell or few trials."""
    cells = [cell for cell in candidates if len(study.runs("search", cell))]
    if len(cells) < 2:
        return None
    sampled = list(study.spec.space_for(method))
    runs = [study.runs("search", cell).set_index("index") for cell in cells]
    shared = [
        index
        for index in runs[0].index
        if all(index in run.index and run.loc[index, "state"] == "complete" for run in runs)
        and all(_same(runs[0].loc[index, sampled], run.loc[index, sampled]) for run in runs)
        and all(math.isfinite(run.loc[index, "score"]) for run in runs)
    ]
    if len(shared) < FEWEST_SHARED:
        return None
    return _Shared(cells, shared, np.array([[float(run.loc[index, "score"]) for run in runs] for index in shared]))


@dataclass(frozen=True)
class Transfer:
    """One method and code length on several data sets: settings that all of them tried, under the same index."""

    datasets: Sequence[str]
    scores: NDArray[np.float64]  #: (settings, data sets), on validation queries

    @property
    def regrets(self) -> NDArray[np.float64]:
        """What a data set (row) loses with the setting that was best on another (column)."""
        return np.asarray(self.scores.max(axis=0)[:, None] - self.scores[self.scores.argmax(axis=0)].T)

    @property
    def median_losses(self) -> NDArray[np.float64]:
        """What each data set loses with the middle one of the settings: one that loses as much carries nothing over."""
        return np.asarray(self.scores.max(axis=0) - np.median(self.scores, axis=0))


def transfer(study: StudyRecords, method: str, bits: int) -> Transfer | None:
    """What a search on one data set is worth on another; None for a single one, or where they share few settings."""
    found = _shared([Cell(dataset, method, bits) for dataset in study.datasets], study, method)
    return None if found is None else Transfer([cell.dataset for cell in found.cells], found.scores)


def _same(first: pd.Series, second: pd.Series) -> bool:
    return all(
        ours == theirs or (pd.isna(ours) and pd.isna(theirs)) for ours, theirs in zip(first, second, strict=True)
    )
