"""Confidence intervals of a cell's score over fresh seeds and fresh queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.statistics.two_way import mean_error

LEVEL = 0.95
RESAMPLES = 2000
#: Numbers held at once while resampling.
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def bootstrap_means(values: NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Means of resampled (seeds, queries) values: seeds drawn first, then queries, the same for all seeds drawn.

    One less is drawn than there are, of either, so that the variance of a mean is not too small by (n - 1) / n (Rao &
    Wu 1988): a tenth of the standard error for five seeds. A single seed is kept.
    """
    rng = np.random.default_rng(seed)
    seeds, queries = values.shape
    draws = max(1, _AT_ONCE // queries)
    means = []
    for first in range(0, resamples, draws):
        count = min(draws, resamples - first)
        of_queries = _shares(rng, queries, count)
        means.append(np.einsum("bq,bq->b", _shares(rng, seeds, count) @ values, of_queries))
    return np.concatenate(means)


def _shares(rng: np.random.Generator, size: int, count: int) -> NDArray[np.float64]:
    """Weights of `size` things in each of `count` resamples, (count, size)."""
    drawn = max(1, size - 1)
    places = rng.integers(size, size=(count, drawn)) + size * np.arange(count)[:, None]
    return np.bincount(places.ravel(), minlength=count * size).reshape(count, size) / drawn


def bootstrap_interval(
    values: NDArray[np.float64], level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Interval of the mean of (seeds, queries) values: mean ± t · the bootstrap's standard error.

    Not the bootstrap's percentiles: no resample of three seeds leaves the range of the three, which holds the true
    mean three times in four, whatever the level. Student's t has the degrees of freedom of `mean_error`. A single row
    gives an interval over queries alone: right for a method with nothing random in it.
    """
    error = float(bootstrap_means(values, resamples, seed).std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, mean_error(values).degrees_of_freedom)) * error
    mean = float(values.mean())
    return Interval(mean - half, mean + half)


def error_interval(values: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """The same without resampling: mean ± t · the standard error of `mean_error`, for (seeds, queries) values."""
    error, mean = mean_error(values), float(values.mean())
    half = float(stats.t.ppf((1 + level) / 2, error.degrees_of_freedom)) * error.standard_error
    return Interval(mean - half, mean + half)
