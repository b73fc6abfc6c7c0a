"""Which row of a column is best, and which are tied with it."""

import numpy as np
import pytest

from analysis.per_query import PerQuery
from analysis.statistics.column import TOO_FEW, compare_rows


def scores(values, fixed=False, runs=None):
    values = np.asarray(values, dtype=np.float64)
    return PerQuery(
        values, np.arange(len(values)) if runs is None else np.asarray(runs), np.arange(values.shape[1]), fixed
    )


def column(**rows):
    return compare_rows({name: float(row.values.mean()) for name, row in rows.items()}, rows)


@pytest.fixture
def noise():
    rng = np.random.default_rng(0)
    return lambda mean: scores(mean + 0.01 * rng.standard_normal((5, 40)))


def test_best_tied_and_apart(noise):
    found = column(a=noise(0.500), b=noise(0.501), c=noise(0.3))
    assert found.best in ("a", "b")
    assert found.tied == {"a", "b"} - {found.best}
    assert len(found.pairs) == 3
    worse = found.against_best("c")
    assert worse.first == "c" and worse.test.difference < -0.1 and worse.adjusted < 0.001
    assert found.against_best(found.best) is None


def test_every_adjusted_value_is_at_least_the_plain_one(noise):
    for pair in column(a=noise(0.5), b=noise(0.505), c=noise(0.51), d=noise(0.3)).pairs:
        assert pair.test.p_value <= pair.adjusted <= 1


def test_too_few_replicates_give_no_p_value(noise):
    few = scores(noise(0.4).values[:2])
    found = column(a=noise(0.5), b=few)
    pair = found.against_best("b")
    assert pair.test is None and pair.adjusted is None and pair.why_not == TOO_FEW
    assert not found.tied


def test_a_method_without_chance_needs_no_replicates():
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((1, 50))
    fixed, other = scores(0.5 + 0.1 * queries, fixed=True), scores(0.3 + 0.1 * queries, fixed=True)
    seeded = scores(0.6 + 0.1 * queries + 0.01 * rng.standard_normal((4, 50)))
    found = column(fixed=fixed, other=other, seeded=seeded)
    assert all(pair.test is not None for pair in found.pairs)
    assert found.best == "seeded" and not found.tied


def test_pairs_are_formed_by_seed(noise):
    base = noise(0.5).values
    shift = np.array([0.0, 0.1, 0.2, 0.3, 0.4])[:, None]
    ours, theirs = scores(base + shift), scores((base + shift - 0.02)[::-1], runs=[4, 3, 2, 1, 0])
    found = column(a=ours, b=theirs)
    assert found.against_best("b").test.interval.high == pytest.approx(-0.02)


def test_runs_in_common_only(noise):
    a, b = noise(0.5), noise(0.4)
    b = scores(b.values[:3], runs=[0, 3, 9])
    assert column(a=a, b=b).against_best("b").why_not == TOO_FEW


def test_other_queries_are_not_compared(noise):
    a, b = noise(0.5), noise(0.4)
    moved = PerQuery(b.values, b.runs, b.queries + 1, fixed=False)
    assert "same queries" in column(a=a, b=moved).against_best("b").why_not


def test_rows_without_scores_by_query():
    found = compare_rows({"a": 0.5, "b": 0.4}, {"a": None, "b": None})
    assert found.best == "a" and not found.tied and found.against_best("b").why_not


def test_empty_and_single_columns(noise):
    assert compare_rows({}, {}).best is None
    assert column(a=noise(0.5)).pairs == ()


def test_a_column_without_differences_claims_one_in_twenty():
    """300 columns of five equal methods, seed and query effects in each: the best is called better than any in 5%."""
    rng = np.random.default_rng(2)

    def equal_methods():
        shared = rng.standard_normal((1, 50)) + 0.1 * rng.standard_normal((5, 1))
        return {
            name: scores(shared + 0.3 * rng.standard_normal((1, 50)) + 0.04 * rng.standard_normal((5, 1))
                         + 0.2 * rng.standard_normal((5, 50)))
            for name in "abcde"
        }  # fmt: skip

    columns = [column(**equal_methods()) for _ in range(300)]
    claims = [len(found.tied) < 4 for found in columns]
    assert np.mean(claims) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
