"""The best of k trials against every subset of k, one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.tuning import best_quantile, expected_best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.sampled_from([0.05, 0.25, 0.5, 0.9, 1.0]))
def test_it_is_that_of_all_subsets(scores: list[float], share: float) -> None:
    for k, (mean, low) in enumerate(zip(expected_best(scores), best_quantile(scores, share), strict=True), start=1):
        best = np.array([max(subset) for subset in combinations(scores, k)])
        assert mean == pytest.approx(best.mean(), abs=1e-9)
        assert low == np.quantile(best, share, method="inverted_cdf")


def test_many_trials_are_no_trouble() -> None:
    """C(500, 250) is beyond a float."""
    scores = np.random.default_rng(0).uniform(size=500)
    curve = expected_best(scores)
    assert np.isfinite(curve).all() and (np.diff(curve) >= -1e-12).all()
    assert curve[0] == pytest.approx(scores.mean()) and curve[-1] == pytest.approx(scores.max())
    k = np.arange(1, 501)
    assert np.abs(curve - k / (k + 1)).max() < 0.05  # of uniform numbers
    assert (best_quantile(scores, 0.05) <= best_quantile(scores, 0.95)).all()


def test_it_is_unbiased() -> None:
    """Monte Carlo: the mean estimate from 8 trials is the expectation of the best of 4."""
    rng = np.random.default_rng(1)
    found = np.mean([expected_best(rng.uniform(size=8))[3] for _ in range(4000)])
    assert found == pytest.approx(4 / 5, abs=0.005)
