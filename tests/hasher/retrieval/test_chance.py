"""What random codes score."""

import numpy as np
import pytest

from hasher.errors import UserError
from hasher.retrieval import base_rate, evaluate, random_codes_scores, random_map


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    classes = rng.choice([-4, 0, 7], 900, p=[0.6, 0.3, 0.1])
    return classes[:200], classes[200:]


def test_random_codes_score_what_is_expected_of_them(labels):
    queries, database = labels
    draws = [random_codes_scores(queries, database, bits=32, k=50, seed=seed) for seed in range(30)]
    for name, k in (("map", None), ("map_at_k", 50)):
        drawn = [getattr(draw, name) for draw in draws]
        error = np.std(drawn, ddof=1) / np.sqrt(len(drawn))
        assert 0 < error < 0.002
        assert np.mean(drawn) == pytest.approx(random_map(queries, database, k), abs=4 * error)


def test_base_rate_is_the_sum_of_squared_shares():
    labels = np.repeat([3, -1, 8, 2], [500, 300, 150, 50])
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    assert base_rate(labels, labels) == pytest.approx(np.sum(shares**2))
    large = np.tile(labels, 100)
    assert random_map(labels, large) == pytest.approx(base_rate(labels, large), abs=1e-3)
    assert random_map(labels, labels) > base_rate(labels, labels)


def test_a_class_the_database_lacks_counts_as_zero():
    assert base_rate([1, 2], [1, 1, 3, 3]) == pytest.approx(0.25)
    assert random_map([1, 2], [1, 1, 3, 3]) == pytest.approx(random_map([1], [1, 1, 3, 3]) / 2)


@pytest.mark.parametrize("k", [1, 50, 699, 10_000])
def test_random_map_is_that_of_a_constant_code(labels, k):
    queries, database = labels
    constant = evaluate(np.ones((200, 4)), queries, np.ones((700, 4)), database, k)
    assert random_map(queries, database) == pytest.approx(constant.map, abs=1e-12)
    assert random_map(queries, database, k) == pytest.approx(constant.map_at_k, abs=1e-12)


def test_the_seed_decides(labels):
    one, same, other = (random_codes_scores(*labels, bits=16, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert 0 < one.map_released <= 1


def test_bad_input_is_refused(labels):
    with pytest.raises(UserError, match="bits: must be at least 1, not 0"):
        random_codes_scores(*labels, bits=0)
    with pytest.raises(UserError, match="k: must be a whole number"):
        random_map(*labels, k=0)
    with pytest.raises(UserError, match="database_labels: expected at least one item"):
        base_rate([1], [])
