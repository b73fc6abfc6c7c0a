"""Mean squares, their error and its degrees of freedom, against statsmodels and scipy."""

from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from analysis.statistics.intervals import bootstrap_interval, bootstrap_means
from analysis.statistics.paired import holm, paired_test
from analysis.statistics.two_way import mean_error, mean_squares


def crossed(rng, seeds, queries, seed=0.0, query=0.0, noise=1.0, mean=0.0):
    """Values of the two-way model with these standard deviations, (seeds, queries)."""
    by_seed, by_query = seed * rng.standard_normal((seeds, 1)), query * rng.standard_normal((1, queries))
    return mean + by_seed + by_query + noise * rng.standard_normal((seeds, queries))


def test_mean_squares_are_those_of_an_anova():
    values = crossed(np.random.default_rng(0), 4, 12, seed=0.5, query=2.0)
    seed, query = (index.ravel() for index in np.indices(values.shape))
    frame = pd.DataFrame({"y": values.ravel(), "seed": seed, "q": query})
    table = anova_lm(ols("y ~ C(seed) + C(q)", frame).fit())
    found = mean_squares(values)
    assert [found.seeds, found.queries, found.rest] == pytest.approx(table["mean_sq"].tolist())


def test_one_seed_is_a_t_test_over_queries():
    values = crossed(np.random.default_rng(1), 1, 40, query=1.0, mean=0.4)
    expected = stats.ttest_1samp(values[0], 0)
    found = paired_test(values)
    assert found.p_value == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high))


def test_without_query_effect_it_is_a_t_test_over_seeds():
    rng = np.random.default_rng(2)
    by_seed = rng.normal(0.3, 0.5, (6, 1))
    even = rng.standard_normal((6, 50))
    values = by_seed + even - even.mean(axis=1, keepdims=True) - even.mean(axis=0) + even.mean()
    assert mean_squares(values).queries < mean_squares(values).rest
    expected = stats.ttest_1samp(values.mean(axis=1), 0)
    assert paired_test(values).p_value == pytest.approx(expected.pvalue)
    assert mean_error(values).degrees_of_freedom == pytest.approx(5)


def test_the_variance_is_unbiased_and_the_bootstrap_agrees():
    rng = np.random.default_rng(3)
    true = np.sqrt(0.3**2 / 5 + 1.0**2 / 60 + 0.5**2 / 300)
    samples = [crossed(rng, 5, 60, seed=0.3, query=1.0, noise=0.5) for _ in range(400)]
    assert np.mean([mean_error(values).standard_error ** 2 for values in samples]) == pytest.approx(true**2, rel=0.08)
    ratios = [bootstrap_means(values, 400).std() / mean_error(values).standard_error for values in samples[:60]]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)


def test_equal_methods_and_methods_apart_without_noise():
    assert paired_test(np.zeros((3, 10))).p_value == 1.0
    apart = paired_test(np.full((3, 10), 0.25))
    assert (apart.p_value, apart.interval.low, apart.interval.high) == (0.0, 0.25, 0.25)


def test_exchanging_the_methods_exchanges_the_sign():
    values = crossed(np.random.default_rng(4), 4, 30, seed=0.2, query=0.5, mean=0.3)
    there, back = paired_test(values), paired_test(-values)
    assert there.reversed() == back


def test_the_bootstrap_is_seeded_and_about_the_mean():
    values = crossed(np.random.default_rng(5), 5, 80, seed=0.3, query=1.0, mean=2.0)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values)
    wide, narrow = bootstrap_interval(values), bootstrap_interval(values, level=0.5)
    assert wide.low < narrow.low < values.mean() < narrow.high < wide.high


def test_resampling_in_parts_draws_as_many(monkeypatch):
    monkeypatch.setattr("analysis.statistics.intervals._AT_ONCE", 64)
    values = crossed(np.random.default_rng(6), 3, 20)
    assert bootstrap_means(values, 100).shape == (100,)


def test_bootstrap_of_one_row_is_scipys_over_queries():
    values = np.random.default_rng(7).exponential(size=(1, 150))
    expected = stats.bootstrap((values[0],), np.mean, n_resamples=4000, rng=np.random.default_rng(0))
    assert bootstrap_means(values, 4000).std(ddof=1) == pytest.approx(expected.standard_error, rel=0.05)


#: (seeds, queries, seed, query, noise): seeds matter, queries matter, both, neither.
LAYOUTS = [(5, 60, 0.1, 0.0, 0.3), (5, 60, 0.0, 1.0, 0.3), (5, 60, 0.29, 1.0, 0.3), (3, 60, 0.29, 1.0, 0.3),
           (5, 60, 0.0, 0.0, 1.0)]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_error_rate_and_coverage(layout):
    """1000 studies without a difference: 5% are called different, whatever varies. Bounds are four standard errors,
    and below the nominal rate where a variance that is not there has to be estimated."""
    seeds, queries, seed, query, noise = layout
    rng = np.random.default_rng(8)
    samples = [crossed(rng, seeds, queries, seed, query, noise) for _ in range(1000)]
    assert 0.015 < np.mean([paired_test(values).p_value < 0.05 for values in samples]) < 0.078
    intervals = [bootstrap_interval(values, resamples=200) for values in samples[:400]]
    assert np.mean([interval.low < 0 < interval.high for interval in intervals]) > 0.905


def test_why_neither_side_alone_is_enough():
    """Where seeds and queries vary alike, t tests over one side claim far too much, and so does the larger p-value."""
    rng = np.random.default_rng(9)
    samples = [crossed(rng, 5, 60, 0.29, 1.0, 0.3) for _ in range(1000)]
    over_queries = np.array([stats.ttest_1samp(values.mean(axis=0), 0).pvalue for values in samples])
    over_seeds = np.array([stats.ttest_1samp(values.mean(axis=1), 0).pvalue for values in samples])
    assert np.mean(over_queries < 0.05) > 0.09
    assert np.mean(over_seeds < 0.05) > 0.09
    assert np.mean(np.maximum(over_queries, over_seeds) < 0.05) > 0.07
    assert np.mean([paired_test(values).p_value < 0.05 for values in samples]) < 0.065


def test_a_real_difference_is_found():
    rng = np.random.default_rng(10)
    found = [paired_test(crossed(rng, 5, 60, 0.1, 0.5, 0.3, mean=0.5)).p_value < 0.05 for _ in range(200)]
    assert np.mean(found) > 0.95


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert len(holm([])) == 0


@given(st.lists(st.sampled_from([0.0, 1e-300, 0.001, 0.01, 0.049]) | st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_holm_is_that_of_statsmodels(p_values):
    with mock.patch("gc.collect"):  # statsmodels calls it each time
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], rel=1e-12)
