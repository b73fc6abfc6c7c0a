"""Optimism of selection, and how far the order of methods hangs on the trials: against full enumeration."""

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.selection import optimism, order_stability


def enumerated(trials):
    """P(order changes), P(best changes) and mean tau over all halves of all methods."""
    names = sorted(trials, key=lambda name: -np.nanmax(trials[name]))
    halves = [
        [
            np.nan_to_num(list(half), nan=-np.inf).max()
            for half in itertools.combinations(trials[name], len(trials[name]) // 2)
        ]
        for name in names
    ]
    orders = [np.argsort(-np.array(best), kind="stable") for best in itertools.product(*halves)]
    same = np.arange(len(names))
    return (
        np.mean([(order != same).any() for order in orders]),
        np.mean([order[0] != 0 for order in orders]),
        np.mean([stats.kendalltau(np.argsort(order), same).statistic for order in orders]),
    )


def test_against_enumeration():
    nan = float("nan")
    trials = {
        "a": np.array([0.5, 0.62, 0.58, nan]),
        "b": np.array([0.61, 0.4, nan, 0.55]),
        "c": np.array([0.3, 0.57, 0.59, 0.2]),
    }
    found = order_stability(trials, {}, draws=20_000)
    assert found.methods == ("a", "b", "c")
    assert [found.changes, found.best_changes, found.agreement] == pytest.approx(enumerated(trials), abs=0.015)


def test_methods_far_apart_keep_their_order():
    rng = np.random.default_rng(0)
    trials = {name: level + 0.01 * rng.random(10) for name, level in (("a", 0.3), ("b", 0.5), ("c", 0.7))}
    found = order_stability(trials, {"a": 0.3, "b": 0.5, "c": 0.1})
    assert (found.methods, found.changes, found.best_changes, found.agreement) == (("c", "b", "a"), 0, 0, 1)
    assert found.first_half_agreement == 1
    assert found.test_agreement == pytest.approx(stats.kendalltau([0.7, 0.5, 0.3], [0.1, 0.5, 0.3]).statistic)


def test_first_half_is_the_first_in_time():
    trials = {"a": np.array([0.1, 0.2, 0.9, 0.3]), "b": np.array([0.4, 0.3, 0.2, 0.1])}
    assert order_stability(trials, {}).first_half_agreement == -1


def test_same_seed_same_answer():
    trials = {name: np.random.default_rng(i).random(7) for i, name in enumerate("abc")}
    assert order_stability(trials, {"a": 1, "b": 2}) == order_stability(trials, {"a": 1, "b": 2})


def test_nothing_to_compare():
    none = np.array([float("nan")] * 3)
    assert order_stability({"a": np.array([0.5, 0.6])}, {}) is None
    assert order_stability({"a": np.array([0.5, 0.6]), "b": none, "c": np.array([])}, {}) is None


def test_single_trials_are_their_own_half():
    found = order_stability({"a": np.array([0.5]), "b": np.array([0.6])}, {})
    assert found.methods == ("b", "a") and found.changes == 0
    assert np.isnan(found.test_agreement)


def test_optimism():
    found = optimism(0.6, np.array([0.5, 0.54]))
    assert (found.fresh, found.gap, found.replicate_sd) == pytest.approx((0.52, 0.08, np.std([0.5, 0.54], ddof=1)))
    assert np.isnan(optimism(0.6, np.array([0.5])).replicate_sd)
