"""Sources of variation against simulated ones, whose size is known, and against a balanced analysis by statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from analysis.statistics.repeated import spread


def simulated(rng: np.random.Generator, searches: int, replicates: int, search: float, replicate: float) -> np.ndarray:
    return 0.7 + search * rng.standard_normal((searches, 1)) + replicate * rng.standard_normal((searches, replicates))


@pytest.mark.parametrize(("search", "replicate"), [(0.03, 0.01), (0.01, 0.03), (0.0, 0.02), (0.02, 0.0)])
def test_both_sources_are_found(search: float, replicate: float) -> None:
    found = spread(list(simulated(np.random.default_rng(0), 3000, 4, search, replicate)))
    assert found.mean == pytest.approx(0.7, abs=0.002) and found.searches == 3000
    assert found.search_sd == pytest.approx(search, abs=0.0015) and found.replicate_sd == pytest.approx(
        replicate, abs=0.0005
    )
    assert found.total_sd == pytest.approx(np.hypot(search, replicate), abs=0.0015)


def test_it_is_the_restricted_maximum_likelihood_of_balanced_scores() -> None:
    scores = simulated(np.random.default_rng(5), 6, 5, 0.05, 0.02)
    rows = pd.DataFrame({"score": scores.ravel(), "search": np.repeat(np.arange(6), 5)})
    model = smf.mixedlm("score ~ 1", rows, groups=rows["search"]).fit(reml=True)
    found = spread(list(scores))
    assert found.search_sd**2 == pytest.approx(float(model.cov_re.iloc[0, 0]), rel=1e-3)
    assert found.replicate_sd**2 == pytest.approx(model.scale, rel=1e-3)


def test_what_cannot_be_told_is_nan() -> None:
    one = spread([[0.5, 0.6]])
    assert np.isnan(one.search_sd) and one.replicate_sd == pytest.approx(np.std([0.5, 0.6], ddof=1))
    single = spread([[0.5], [0.7]])
    assert np.isnan(single.replicate_sd) and single.search_sd == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert spread([[0.5, 0.7], [0.6, 0.6]]).search_sd == 0.0  # replicates explain all of it
