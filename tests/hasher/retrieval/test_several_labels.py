"""Items with several labels, NDCG and the order of ties: brute force, exact rationals, Monte Carlo, one-hot labels."""

import itertools
import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from hasher.retrieval import (
    base_rate,
    evaluate,
    evaluate_cosine,
    evaluate_scores,
    random_codes_scores,
    random_map,
    released_map,
    scores,
)
from tests.hasher.retrieval.test_retrieval import (
    average_precision_of,
    cases,
    distances,
    exact_average_precision,
    exact_precision,
)


@st.composite
def several(draw, most=40):
    """`cases` with multi-hot labels of one to three words in place of classes, some of them empty."""
    queries, query_labels, database, database_labels, k = draw(cases(most))
    classes = draw(st.sampled_from([1, 2, 5, 64, 80, 130]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.05, 0.3, 0.9]))
    labels = rng.random((len(query_labels) + len(database_labels), classes)) < share
    return queries, labels[: len(queries)], database, labels[len(queries) :], k


def shared_by_distance(query, labels, database, database_labels) -> list[list[int]]:
    """The numbers of labels shared with the query by the items at each distance that occurs, nearest first."""
    found: dict[int, list[int]] = {}
    for distance, others in zip(distances(query, database), database_labels, strict=True):
        common = sum(bool(one and other) for one, other in zip(labels, others, strict=True))
        found.setdefault(distance, []).append(common)
    return [found[distance] for distance in sorted(found)]


def discount(rank: int) -> Fraction:
    return Fraction(1 / math.log2(rank + 1))


def ndcg_of(gains: list[int], k: int) -> Fraction:
    """The definition for one ranking without ties."""
    ideal = sum(gain * discount(rank) for rank, gain in enumerate(sorted(gains, reverse=True)[:k], start=1))
    return sum(gain * discount(rank) for rank, gain in enumerate(gains[:k], start=1)) / ideal if ideal else Fraction(0)


def exact_ndcg(groups: list[list[int]], k: int) -> Fraction:
    """The expectation over tie orders: an item of a group is at each of its places with the same probability."""
    gains = [Fraction(sum(group), len(group)) for group in groups for _ in group]
    ideal = sorted((gain for group in groups for gain in group), reverse=True)
    best = sum(gain * discount(rank) for rank, gain in enumerate(ideal[:k], start=1))
    return sum(gain * discount(rank) for rank, gain in enumerate(gains[:k], start=1)) / best if best else Fraction(0)


@given(several())
@settings(max_examples=120, deadline=None)
def test_equals_exact_rationals(case):
    queries, query_labels, database, database_labels, k = case
    result, size = evaluate(*case), len(database)
    rankings = [
        shared_by_distance(query, labels, database, database_labels)
        for query, labels in zip(queries, query_labels, strict=True)
    ]
    groups = [[(len(group), sum(gain > 0 for gain in group)) for group in ranking] for ranking in rankings]
    for found, expected in (
        (result.average_precision, [exact_average_precision(one, size) for one in groups]),
        (result.average_precision_at_k, [exact_average_precision(one, k) for one in groups]),
        (result.average_precision_at_1000, [exact_average_precision(one, size) for one in groups]),
        (result.conventions.ndcg, [exact_ndcg(one, size) for one in rankings]),
        (result.conventions.ndcg_at_k, [exact_ndcg(one, k) for one in rankings]),
    ):
        np.testing.assert_allclose(found, [float(value) for value in expected], rtol=0, atol=1e-9)
    for n, precision in zip(result.cutoffs, result.precision_at_n, strict=True):
        assert precision == pytest.approx(float(np.mean([exact_precision(one, int(n)) for one in groups])), abs=1e-9)


@given(several(most=6))
@settings(max_examples=40, deadline=None)
def test_equals_the_mean_and_the_bounds_over_all_tie_orders(case):
    queries, query_labels, database, database_labels, k = case
    result = evaluate(*case)
    for i, (query, labels) in enumerate(zip(queries, query_labels, strict=True)):
        groups = shared_by_distance(query, labels, database, database_labels)
        orders = [
            [gain for group in order for gain in group]
            for order in itertools.product(*(itertools.permutations(group) for group in groups))
        ]
        precision = [float(average_precision_of([gain > 0 for gain in order], len(order))) for order in orders]
        assert result.average_precision[i] == pytest.approx(np.mean(precision), abs=1e-12)
        assert result.conventions.best[i] == pytest.approx(max(precision), abs=1e-12)
        assert result.conventions.worst[i] == pytest.approx(min(precision), abs=1e-12)
        gains = [float(ndcg_of(order, k)) for order in orders]
        assert result.conventions.ndcg_at_k[i] == pytest.approx(np.mean(gains), abs=1e-12)


def test_equals_monte_carlo_over_tie_orders():
    rng = np.random.default_rng(0)
    labels = rng.random((301, 70)) < 0.03
    labels[0, [1, 30, 69]] = True
    codes = rng.random((301, 5)) < 0.4 + 0.2 * labels[:, [1]]
    result = evaluate(codes[:1], labels[:1], codes[1:], labels[1:], k=25)
    distance, shared = np.array(distances(codes[0], codes[1:])), (labels[1:] & labels[0]).sum(axis=1)
    assert shared.max() >= 2
    whole, gained = [], []
    discounts = 1 / np.log2(np.arange(2, 302))
    ideal = np.sort(shared)[:-26:-1] @ discounts[:25]
    for _ in range(4000):
        order = shared[np.lexsort((rng.random(300), distance))]
        hit = order > 0
        whole.append((hit * hit.cumsum() / np.arange(1, 301)).sum() / hit.sum())
        gained.append(order[:25] @ discounts[:25] / ideal)
    for drawn, expected in ((whole, result.map), (gained, result.conventions.ndcg_at_k[0])):
        assert np.std(drawn) > 0.001
        assert np.mean(drawn) == pytest.approx(expected, abs=5 * np.std(drawn) / np.sqrt(len(drawn)))


@pytest.mark.parametrize("k", [10, 700, 5000])
def test_equals_scikit_learn(k):
    """Which averages gains over ties as well; enough items and words for tiles and chunks of queries."""
    rng = np.random.default_rng(k)
    labels = rng.random((2600, 130)) < 0.05
    codes = rng.random((2600, 24)) < 0.5
    result = evaluate(codes[:600], labels[:600], codes[600:], labels[600:], k, threads=2)
    distance = (codes[:600, None] != codes[None, 600:]).sum(axis=2)
    shared = labels[:600].astype(int) @ labels[600:].T.astype(int)
    assert result.conventions.ndcg_at_k.mean() == pytest.approx(ndcg_score(shared, -distance, k=k), abs=1e-12)
    by_scores = evaluate_scores(lambda rows: -distance[rows], labels[:600], labels[600:], k)
    assert_same(result, by_scores, 1e-12)


def assert_same(one, other, tolerance=0.0):
    for first, second in ((one, other), (one.conventions, other.conventions)):
        for field in fields(first):
            ours, theirs = getattr(first, field.name), getattr(second, field.name)
            if field.name in ("conventions", "bits") or np.shape(ours) != np.shape(theirs):
                continue  # what a ranking by scores lacks
            if not np.isnan(theirs).any():
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, err_msg=field.name)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_one_label_an_item_gives_the_same_to_the_last_bit_in_either_form(case):
    queries, query_labels, database, database_labels, k = case
    names = np.unique(np.concatenate([query_labels, database_labels]))
    hot = [labels[:, None] == names for labels in (query_labels, database_labels)]
    one, other = evaluate(*case), evaluate(queries, hot[0], database, hot[1].astype(np.uint8), k)
    for first, second in ((one, other), (one.conventions, other.conventions)):
        for field in fields(first):
            if field.name != "conventions":
                np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name), field.name)
    assert_same(
        evaluate_cosine(queries * 1.0, query_labels, database * 1.0, database_labels, k),
        evaluate_cosine(queries * 1.0, hot[0], database * 1.0, hot[1], k),
    )
    assert base_rate(query_labels, database_labels) == base_rate(*hot)
    assert random_map(query_labels, database_labels, k) == random_map(*hot, k)


def test_random_codes_score_what_is_expected_of_them():
    rng = np.random.default_rng(3)
    labels = rng.random((900, 66)) < 0.04
    queries, database = labels[:200], labels[200:]
    relevant = (queries[:, None] & database).any(axis=2)
    assert base_rate(queries, database) == pytest.approx(relevant.mean())
    draws = [random_codes_scores(queries, database, bits=32, k=50, seed=seed) for seed in range(20)]
    for name, k in (("map", None), ("map_at_k", 50)):
        drawn = [getattr(draw, name) for draw in draws]
        assert np.mean(drawn) == pytest.approx(random_map(queries, database, k), abs=4 * np.std(drawn) / np.sqrt(19))


def test_the_released_score_takes_a_shared_label_for_relevance():
    """As its product of two rows of 0 and 1 does; queries without a hit are still left out, and hits found divide."""
    rng = np.random.default_rng(4)
    codes, labels = rng.random((150, 9)) < 0.5, rng.random((150, 70)) < 0.02
    kept = []
    for code, row in zip(codes[:30], labels[:30], strict=True):
        order = np.argsort((codes[30:] != code).sum(axis=1).astype(np.float32))[:20]
        places = [place for place, item in enumerate(order, start=1) if row.astype(int) @ labels[30 + item] > 0]
        if places:
            kept.append(np.mean([found / place for found, place in enumerate(places, start=1)]))
    assert 0 < len(kept) < 30
    found = released_map(codes[:30], labels[:30], codes[30:], labels[30:].astype(float), k=20)
    assert found == pytest.approx(np.mean(kept), abs=1e-12)


def test_chunks_of_queries_do_not_change_rankings_by_scores(monkeypatch):
    rng = np.random.default_rng(5)
    vectors, labels = rng.normal(size=(120, 6)).round(1), rng.random((120, 70)) < 0.1
    arguments = vectors[:20], labels[:20], vectors[20:], labels[20:]
    whole = evaluate_cosine(*arguments)
    monkeypatch.setattr(scores, "SCORES_AT_ONCE", 300)
    assert_same(evaluate_cosine(*arguments), whole)


def test_conventional_cutoffs_are_those_of_the_curve():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 5, 6040)
    codes = rng.random((6040, 16)) < 0.5
    result = evaluate(codes[:40], labels[:40], codes[40:], labels[40:])
    by_cutoff = dict(zip(result.cutoffs.tolist(), result.map_at_cutoffs, strict=True))
    assert result.average_precision_at_1000.mean() == pytest.approx(by_cutoff[1000])
    assert result.average_precision_at_5000.mean() == pytest.approx(by_cutoff[5000])
    bounds = result.conventions
    assert (bounds.worst < result.average_precision).all() and (result.average_precision < bounds.best).all()
