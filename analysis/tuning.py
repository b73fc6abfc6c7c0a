"""What tuning is worth: how many trials it takes, and what it gains over one setting for all code lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.results import DatasetResults
from analysis.statistics.tuning import best_quantile, expected_best
from study.plan.spec import StudySpec
from study.plan.tasks import Cell

#: Shares of searches between which the band of a tuning curve lies.
BAND = (0.05, 0.95)
#: Fewest trials from which a tuning curve is told, and fewest settings that all lengths tried for a shared one.
FEWEST_TRIALS, FEWEST_SHARED = 8, 6


@dataclass(frozen=True)
class TuningCurve:
    """The best validation score of k random trials, k = 1 … N: its expectation, and what `BAND` of searches reach."""

    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def trials_to(self, score: float) -> int | None:
        """The fewest trials whose best is expected to reach a score; None where no number here does."""
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
    bits = [length for length in results.bits if len(results.study.runs("search", results.cell(method, length)))]
    if len(bits) < 2:
        return None
    sampled = list(results.study.spec.space_for(method))
    runs = [results.study.runs("search", results.cell(method, length)).set_index("index") for length in bits]
    shared = [
        index
        for index in runs[0].index
        if all(index in run.index and run.loc[index, "state"] == "complete" for run in runs)
        and all(_same(runs[0].loc[index, sampled], run.loc[index, sampled]) for run in runs)
        and all(math.isfinite(run.loc[index, "score"]) for run in runs)
    ]
    if len(shared) < FEWEST_SHARED:
        return None
    return Tunability(bits, shared, np.array([[float(run.loc[index, "score"]) for run in runs] for index in shared]))


def _same(first: pd.Series, second: pd.Series) -> bool:
    return all(
        ours == theirs or (pd.isna(ours) and pd.isna(theirs)) for ours, theirs in zip(first, second, strict=True)
    )
