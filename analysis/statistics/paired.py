"""Is one method better than another on the same queries and seeds?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from analysis.statistics.intervals import LEVEL, Interval
from analysis.statistics.two_way import mean_error

#: Significance level of a test.
ALPHA = 1 - LEVEL
#: That of what is said in words, of p-values corrected for all pairs of all columns. So far out in its tail the test
#: finds too much where seeds are few (benchmarks/false_claims.py): at 2.5% three seeds would claim in 8% of studies of
#: nothing, at this level in 3%.
IN_WORDS = 0.005


@dataclass(frozen=True)
class PairedTest:
    """A mean difference, its confidence interval, and the p-value of "no difference" (two-sided)."""

    difference: float
    interval: Interval
    p_value: float

    def reversed(self) -> PairedTest:
        """The same test with the methods exchanged."""
        return PairedTest(-self.difference, Interval(-self.interval.high, -self.interval.low), self.p_value)


def paired_test(differences: NDArray[np.float64]) -> PairedTest:
    """Test whether the mean of (seeds, queries) differences is 0, for seeds and queries other than these.

    Pairing takes out what a seed and a query have in common for both methods; what is left of either stays in the
    error (see `two_way`). A t test, Wilcoxon or permutation test on per-query scores averaged over seeds would speak
    of these seeds only, one on per-seed scores of these queries only; the larger of both p-values is still too small
    where seeds and queries vary alike, since each error lacks the other's part.
    """
    mean, error = float(differences.mean()), mean_error(differences)
    if error.standard_error == 0:  # the same everywhere: equal, or different without a doubt
        return PairedTest(mean, Interval(mean, mean), 1.0 if mean == 0 else 0.0)
    freedom = error.degrees_of_freedom
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error.standard_error
    p_value = float(2 * stdtr(freedom, -abs(mean) / error.standard_error))
    return PairedTest(mean, Interval(mean - half, mean + half), p_value)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """p-values adjusted for their number: each is to be compared with `ALPHA` as it is.

    The k-th smallest of n, k from 0, is multiplied by n - k, and is at least the one before it (Holm, Scandinavian
    Journal of Statistics 1979). statsmodels has it too, but collects the garbage of the whole process at every call:
    up to a third of a second each, of which a report makes hundreds.
    """
    plain = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(plain, kind="stable")
    adjusted = np.empty_like(plain)
    adjusted[order] = np.maximum.accumulate(plain[order] * np.arange(len(plain), 0, -1))
    return np.minimum(adjusted, 1.0)
