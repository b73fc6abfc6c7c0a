"""Ranks over data sets, against scipy's own tests and printed tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.ranks import critical_difference, friedman, probability_of_improvement, ranks


def test_ranks_are_those_of_a_count() -> None:
    scores = np.array([[0.1, 0.5, 0.5, 0.9], [0.2, 0.1, 0.4, 0.3]])
    for row, placed in zip(scores, ranks(scores), strict=True):
        for score, rank in zip(row, placed, strict=True):
            assert rank == 1 + (row > score).sum() + ((row == score).sum() - 1) / 2


@pytest.mark.parametrize("tied", [False, True])
def test_friedmans_statistic_is_scipys_in_iman_and_davenports_form(tied: bool) -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(9, 5)) + np.arange(5) * 0.3
    if tied:
        scores = scores.round(0)
    chi2 = stats.friedmanchisquare(*scores.T).statistic
    f = 8 * chi2 / (9 * 4 - chi2)
    assert friedman(scores) == pytest.approx(stats.f.sf(f, 4, 32))


def test_the_same_order_everywhere_is_no_accident() -> None:
    assert friedman(np.arange(4) + np.zeros((7, 1))) == 0.0


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_the_printed_table(methods: int, q: float) -> None:
    """Demšar (2006), table 5a."""
    assert critical_difference(methods, 14) == pytest.approx(q * np.sqrt(methods * (methods + 1) / (6 * 14)), rel=5e-4)


def test_nemenyis_test_holds_its_level_where_nothing_differs() -> None:
    rng = np.random.default_rng(2)
    placed = ranks(rng.normal(size=(600 * 8, 5))).reshape(600, 8, 5).mean(axis=1)
    claimed = (placed.max(axis=1) - placed.min(axis=1) > critical_difference(5, 8)).mean()
    assert claimed < 0.07


def test_the_probability_is_mann_and_whitneys() -> None:
    rng = np.random.default_rng(3)
    ours = [rng.normal(0.3, 1, 5), rng.normal(0.1, 1, 7).round(0), np.array([0.4])]
    theirs = [rng.normal(0.0, 1, 6), rng.normal(0.0, 1, 7).round(0), np.array([0.4])]
    expected = [
        stats.mannwhitneyu(mine, other).statistic / (len(mine) * len(other))
        for mine, other in zip(ours, theirs, strict=True)
    ]
    found = probability_of_improvement(ours, theirs)
    assert found.probability == pytest.approx(np.mean(expected))
    assert found.low <= found.probability <= found.high
    other_way = probability_of_improvement(theirs, ours)
    assert other_way.probability == pytest.approx(1 - found.probability)


def test_its_interval_covers() -> None:
    """Two methods that are alike: a half lies in nearly all intervals. Resampling few runs is known to be a little
    short of 95%."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(60):
        ours, theirs = ([rng.normal(size=8) for _ in range(3)] for _ in range(2))
        found = probability_of_improvement(ours, theirs)
        covered += found.low <= 0.5 <= found.high
    assert covered >= 52
