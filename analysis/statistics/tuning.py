"""What a number of random trials finds: the best of k, from one sample of independent trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln


def expected_best(scores: ArrayLike) -> NDArray[np.float64]:
    """The expected best of k of the trials, for k = 1 … N: (N,).

    Σ_j C(j - 1, k - 1) / C(N, k) · y_(j) over the ascending scores y: the mean over all subsets of k, which is an
    unbiased estimate for k independent trials (Dodge et al., "Show Your Work", EMNLP 2019, who give the biased one
    with replacement). `scores` are of trials drawn at random, none stopped for what another scored.
    """
    ascending = np.sort(np.asarray(scores, np.float64))
    count = len(ascending)
    place, k = np.arange(1, count + 1), np.arange(1, count + 1)[:, None]
    weights = np.exp(_log_choose(place - 1, k - 1) - _log_choose(np.full(1, count), k))
    return np.asarray((np.where(place >= k, weights, 0.0) * ascending).sum(axis=1))


def best_quantile(scores: ArrayLike, share: float) -> NDArray[np.float64]:
    """What the best of k reaches at least in all but this `share` of the subsets of k, for k = 1 … N: (N,).

    The smallest y_(j) with C(j, k) / C(N, k) ≥ `share`: the quantile over subsets, exact.
    """
    ascending = np.sort(np.asarray(scores, np.float64))
    count = len(ascending)
    place, k = np.arange(1, count + 1), np.arange(1, count + 1)[:, None]
    below = np.where(place >= k, np.exp(_log_choose(place, k) - _log_choose(np.full(1, count), k)), 0.0)
    return np.asarray(ascending[(below >= share - 1e-9).argmax(axis=1)])


def _log_choose(n: NDArray[np.int64], k: NDArray[np.int64]) -> NDArray[np.float64]:
    """log C(n, k), with anything where k > n."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1))
