"""How far a mean over seeds and queries can be trusted, where both were drawn from many that could have been.

Scores x[s, q] of seeds s on queries q are crossed: every seed answers every query, so their errors are not independent
along either side, and an average over one side followed by an ordinary test on the other ignores part of the variance
(it takes seeds, or queries, for all there are). Here x[s, q] = mean + seed + query + rest, all random: the two-way
model of reader studies, where readers and cases take these places.

Source: Hillis (2007), A comparison of denominator degrees of freedom methods for multiple observer ROC analysis,
Statistics in Medicine 26, 596-619; its variance is that of Obuchowski & Rockette (1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MeanError:
    """Standard error of the mean of x, and the degrees of freedom with which it is known (infinite where exact)."""

    standard_error: float
    degrees_of_freedom: float


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of the two-way layout; `seeds` and `rest` are 0 for a single seed."""

    seeds: float
    queries: float
    rest: float


def mean_squares(values: NDArray[np.float64]) -> MeanSquares:
    """Mean squares of (seeds, queries) values, one per pair."""
    seeds, queries = values.shape
    mean = values.mean()
    by_seed, by_query = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    rest = values - mean - by_seed[:, None] - by_query
    return MeanSquares(
        seeds=queries * float(by_seed @ by_seed) / max(1, seeds - 1),
        queries=seeds * float(by_query @ by_query) / max(1, queries - 1),
        rest=float((rest**2).sum()) / max(1, (seeds - 1) * (queries - 1)),
    )


def mean_error(values: NDArray[np.float64]) -> MeanError:
    """Error of the mean of (seeds, queries) values.

    With mean squares MS the variance is (MS_seeds + max(MS_queries - MS_rest, 0)) / (seeds · queries), its degrees of
    freedom Satterthwaite's for the two terms. A single seed leaves the queries: the error of an ordinary t test on
    them. Fewer than two queries leave nothing to tell an error from: NaN.
    """
    seeds, queries = values.shape
    if queries < 2:
        return MeanError(float("nan"), float("nan"))
    squares = mean_squares(values)
    by_query = max(squares.queries - squares.rest, 0.0)
    total = squares.seeds + by_query
    spread = squares.seeds**2 / max(1, seeds - 1) + by_query**2 / (queries - 1)
    freedom = total**2 / spread if spread > 0 else float("inf")
    return MeanError(float(np.sqrt(total / values.size)), freedom)
