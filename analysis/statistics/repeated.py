"""How much of a result is the luck of its search: repeated under several seeds, each winner retrained often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Spread:
    """Two sources of variation of a method's score.

    Attributes:
        mean: over searches, each counting once.
        search_sd: standard deviation of what searches find, the replicates' part of it taken off; NaN from one search.
        replicate_sd: standard deviation between replicates of one winner, pooled; NaN where no search has two.
        total_sd: of a single replicate of a single search, both together.
        searches: how many there were.
    """

    mean: float
    search_sd: float
    replicate_sd: float
    total_sd: float
    searches: int


def spread(searches: Sequence[ArrayLike]) -> Spread:
    """The one-way random-effects decomposition of the scores of each search's replicates, by method of moments.

    Within: the pooled variance of replicates, σ²_r. Between: the variance of the searches' means less σ²_r times the
    mean of 1/n over searches, cut at 0 (Searle, Casella & McCulloch, "Variance Components", 1992, chapter 3; why
    searches differ matters: Bouthillier et al., "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021).
    Searches without a replicate are to be left out.
    """
    scores = [np.asarray(one, np.float64) for one in searches]
    means = np.array([one.mean() for one in scores])
    freedom = sum(len(one) - 1 for one in scores)
    within = sum(float(((one - one.mean()) ** 2).sum()) for one in scores) / freedom if freedom else np.nan
    between = np.nan
    if len(scores) > 1:
        share = float(np.mean([1 / len(one) for one in scores]))
        between = max(0.0, float(means.var(ddof=1)) - (0.0 if np.isnan(within) else within * share))
    return Spread(
        float(means.mean()),
        float(np.sqrt(between)),
        float(np.sqrt(within)),
        float(np.sqrt(within + between)),
        len(scores),
    )
