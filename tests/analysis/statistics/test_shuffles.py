"""Importances against shuffled ones: how often anything is shown that is not there, and that what is there is shown."""

import numpy as np
import pytest

from analysis.statistics.shuffles import EFFECTS, corrected

SHUFFLES, MANY = 99, 45


def drawn(rng, scale=1.0):
    """Skewed importances of different sizes that depend on each other, as many as a study of six methods has."""
    common = rng.standard_exponential((SHUFFLES + 1, 1))
    values = (common + rng.standard_exponential((SHUFFLES + 1, MANY))) * np.geomspace(0.01, 1, MANY) * scale
    return values[0], values[1:]


def test_of_nothing_something_is_shown_one_time_in_forty():
    rng = np.random.default_rng(0)
    false = np.mean([corrected(*drawn(rng)).shown.any() for _ in range(1000)])
    assert 0.005 < false <= EFFECTS + 2 * np.sqrt(EFFECTS / 1000)


def test_what_is_there_is_shown_whatever_its_size():
    rng = np.random.default_rng(1)
    for place in (0, MANY - 1):
        observed, shuffled = drawn(rng)
        observed[place] = shuffled[:, place].mean() + 12 * shuffled[:, place].std()
        found = corrected(observed, shuffled)
        assert found.shown[place] and found.adjusted[place] == pytest.approx(1 / (SHUFFLES + 1))
        assert found.alone[place] == pytest.approx(1 / (SHUFFLES + 1))


def test_shown_is_what_is_above_its_threshold():
    rng = np.random.default_rng(2)
    shown = 0
    for _ in range(200):
        observed, shuffled = drawn(rng)
        observed = observed * rng.choice([1, 3], MANY)
        found = corrected(observed, shuffled)
        assert list(found.shown) == list(observed > found.thresholds + 1e-12)
        assert (found.alone <= found.adjusted + 1e-12).all()
        shown += found.shown.sum()
    assert shown > 0


def test_an_importance_that_never_changes_is_not_shown():
    observed, shuffled = np.array([0.3, 0.0]), np.column_stack([np.full(SHUFFLES, 0.3), np.zeros(SHUFFLES)])
    assert not corrected(observed, shuffled).shown.any()
