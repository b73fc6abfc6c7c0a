"""Methods over several data sets: ranks, and how often one beats another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]

#: Resamples of a bootstrap, and the seed that they are drawn with.
RESAMPLES, SEED = 2000, 0


def ranks(scores: ArrayLike) -> Floats:
    """Ranks of methods within each data set, 1 for the highest, equal ones in the middle: (data sets, methods)."""
    return np.asarray(stats.rankdata(-np.asarray(scores, np.float64), axis=1), np.float64)


def friedman(scores: ArrayLike) -> float:
    """The p-value of no method differing from another, by the ranks (Iman & Davenport's F of Friedman's χ²; Demšar,
    "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006). `scores`: (data sets, methods)."""
    placed = ranks(scores)
    count, methods = placed.shape
    ties = sum(int((times**3 - times).sum()) for row in placed for times in [np.unique(row, return_counts=True)[1]])
    spread = float(((placed.mean(axis=0) - (methods + 1) / 2) ** 2).sum())
    chi2 = 12 * count * spread / (methods * (methods + 1) * (1 - ties / (count * (methods**3 - methods))))
    if chi2 >= count * (methods - 1):  # the same order everywhere
        return 0.0
    f = (count - 1) * chi2 / (count * (methods - 1) - chi2)
    return float(stats.f.sf(f, methods - 1, (methods - 1) * (count - 1)))


def critical_difference(methods: int, datasets: int, level: float = 0.05) -> float:
    """How far average ranks of two methods have to be apart for Nemenyi's test of all pairs (Demšar 2006, equation 8):
    q √(k(k + 1) / 6N), q the studentised range over √2."""
    q = float(stats.studentized_range.ppf(1 - level, methods, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * datasets)))


@dataclass(frozen=True)
class Improvement:
    """How probable it is that a run of one method is above one of another, and the interval of 95% around it."""

    probability: float
    low: float
    high: float


def probability_of_improvement(ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike]) -> Improvement:
    """The mean over tasks of P(X > Y) + P(X = Y) / 2, X and Y runs of either method on the task.

    The interval is a bootstrap's of runs, stratified by task: tasks are those that were chosen, and not drawn (Agarwal
    et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021). A method with one
    run on a task has the same in every resample.
    """
    rng = np.random.default_rng(SEED)
    values, resampled = [], []
    for mine, other in zip(ours, theirs, strict=True):
        above = _above(np.asarray(mine, np.float64), np.asarray(other, np.float64))
        values.append(above.mean())
        rows = rng.integers(0, above.shape[0], (RESAMPLES, above.shape[0]))
        columns = rng.integers(0, above.shape[1], (RESAMPLES, above.shape[1]))
        resampled.append(above[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2)))
    low, high = np.quantile(np.mean(resampled, axis=0), (0.025, 0.975))
    return Improvement(float(np.mean(values)), float(low), float(high))


def _above(mine: Floats, other: Floats) -> Floats:
    return np.asarray((mine[:, None] > other) + 0.5 * (mine[:, None] == other), np.float64)
