"""`evaluate` against brute force over tie orders, exact rationals, Monte Carlo and scikit-learn."""

import itertools
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from hasher.retrieval import Retrieval, evaluate, evaluate_packed, pack

BITS = [1, 7, 16, 28, 64, 65, 128, 256]


def distances(query: np.ndarray, database: np.ndarray) -> list[int]:
    return [int(np.sum(query != item)) for item in database]


def groups_of(query, label, database, labels) -> list[tuple[int, int]]:
    """(items, relevant items) at each distance that occurs, nearest first."""
    found: dict[int, list[bool]] = {}
    for distance, other in zip(distances(query, database), labels, strict=True):
        found.setdefault(distance, []).append(bool(other == label))
    return [(len(found[d]), sum(found[d])) for d in sorted(found)]


def exact_average_precision(groups: list[tuple[int, int]], k: int) -> Fraction:
    """The expectation over tie orders as a sum over every place, in rationals."""
    total = sum(r for _, r in groups)
    seen, hits, gain = 0, 0, Fraction(0)
    for n, r in groups:
        for j in range(1, min(n, k - seen) + 1):
            before = Fraction((j - 1) * (r - 1), n - 1) if n > 1 else Fraction(0)
            gain += Fraction(r, n) * (hits + 1 + before) / (seen + j)
        seen, hits = seen + n, hits + r
        if seen >= k:
            break
    return gain / min(total, k) if total else Fraction(0)


def exact_precision(groups: list[tuple[int, int]], k: int) -> Fraction:
    seen, hits = 0, Fraction(0)
    for n, r in groups:
        taken = min(n, k - seen)
        hits, seen = hits + Fraction(r * taken, n), seen + taken
        if seen == k:
            break
    return hits / k


def average_precision_of(hit: list[bool], k: int) -> Fraction:
    """The textbook definition for one ranking without ties."""
    gain, found = Fraction(0), 0
    for place, relevant in enumerate(hit[:k], start=1):
        if relevant:
            found += 1
            gain += Fraction(found, place)
    return gain / min(sum(hit), k) if any(hit) else Fraction(0)


def tie_orders(query, label, database, labels):
    """Every ranking of the database, as lists of hits, that sorting by distance may give."""
    found: dict[int, list[bool]] = {}
    for distance, other in zip(distances(query, database), labels, strict=True):
        found.setdefault(distance, []).append(bool(other == label))
    for orders in itertools.product(*(itertools.permutations(found[d]) for d in sorted(found))):
        yield [hit for order in orders for hit in order]


@st.composite
def cases(draw, most=40):
    """Codes near a few prototypes, so that distances tie, labels of any values, and k up to beyond the database."""
    bits, size, queries = draw(st.sampled_from(BITS)), draw(st.integers(1, most)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prototypes = rng.random((draw(st.integers(1, 4)), bits)) < 0.5
    codes = prototypes[rng.integers(0, len(prototypes), size + queries)]
    codes ^= rng.random(codes.shape) < draw(st.sampled_from([0.0, 0.02, 0.3]))
    labels = rng.choice(np.array(draw(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=4))), size + queries)
    k = draw(st.integers(1, 60))
    return codes[:queries], labels[:queries], codes[queries:], labels[queries:], k


def assert_same(one: Retrieval, other: Retrieval) -> None:
    for first, second in ((one, other), (one.conventions, other.conventions)):
        for field in fields(first):
            if field.name != "conventions":
                ours, theirs = getattr(first, field.name), getattr(second, field.name)
                np.testing.assert_array_equal(ours, theirs, err_msg=field.name)


@given(cases(most=6))
@settings(max_examples=60, deadline=None)
def test_equals_the_mean_over_all_tie_orders(case):
    queries, query_labels, database, database_labels, k = case
    result = evaluate(*case)
    precision = []
    for i, (query, label) in enumerate(zip(queries, query_labels, strict=True)):
        orders = list(tie_orders(query, label, database, database_labels))
        mean = sum(average_precision_of(order, len(order)) for order in orders) / len(orders)
        mean_at_k = sum(average_precision_of(order, k) for order in orders) / len(orders)
        assert result.average_precision[i] == pytest.approx(float(mean), abs=1e-12)
        assert result.average_precision_at_k[i] == pytest.approx(float(mean_at_k), abs=1e-12)
        precision.append([np.mean([sum(order[:n]) / n for order in orders]) for n in result.cutoffs])
    np.testing.assert_allclose(result.precision_at_n, np.mean(precision, axis=0), atol=1e-12)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_equals_exact_rationals(case):
    queries, query_labels, database, database_labels, k = case
    result = evaluate(*case)
    groups = [groups_of(q, c, database, database_labels) for q, c in zip(queries, query_labels, strict=True)]
    size = len(database)
    whole = [float(exact_average_precision(g, size)) for g in groups]
    at_k = [float(exact_average_precision(g, k)) for g in groups]
    np.testing.assert_allclose(result.average_precision, whole, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.average_precision_at_k, at_k, rtol=0, atol=1e-9)
    assert result.map == pytest.approx(np.mean(whole), abs=1e-9)
    assert result.map_at_k == pytest.approx(np.mean(at_k), abs=1e-9)
    assert (result.k, result.bits) == (k, queries.shape[1])
    for n, precision, mean in zip(result.cutoffs, result.precision_at_n, result.map_at_cutoffs, strict=True):
        assert precision == pytest.approx(float(np.mean([exact_precision(g, int(n)) for g in groups])), abs=1e-9)
        assert mean == pytest.approx(float(np.mean([exact_average_precision(g, int(n)) for g in groups])), abs=1e-9)


@pytest.mark.parametrize("bits", BITS)
def test_a_larger_database_equals_exact_rationals(bits):
    """Enough items for tiles, class blocks and harmonic series, which small cases never reach."""
    rng = np.random.default_rng(bits)
    labels = rng.choice([3, 5, 90], 1502)
    codes = rng.random((1502, bits)) < np.where(labels == 5, 0.45, 0.55)[:, None]
    result = evaluate(codes[:2], labels[:2], codes[2:], labels[2:], k=700)
    for i in range(2):
        groups = groups_of(codes[i], labels[i], codes[2:], labels[2:])
        assert result.average_precision[i] == pytest.approx(float(exact_average_precision(groups, 1500)), abs=1e-12)
        assert result.average_precision_at_k[i] == pytest.approx(float(exact_average_precision(groups, 700)), abs=1e-12)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_radius_curves_equal_counting(case):
    queries, query_labels, database, database_labels, _ = case
    result = evaluate(*case)
    bits = queries.shape[1]
    precision, recall = np.zeros((2, len(queries), bits + 1))
    for i, (query, label) in enumerate(zip(queries, query_labels, strict=True)):
        distance, hit = np.array(distances(query, database)), database_labels == label
        for radius in range(bits + 1):
            within = distance <= radius
            precision[i, radius] = hit[within].mean() if within.any() else 0
            recall[i, radius] = (hit & within).sum() / hit.sum() if hit.any() else 0
    np.testing.assert_array_equal(result.radii, np.arange(bits + 1))
    np.testing.assert_allclose(result.precision_by_radius, precision.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(result.recall_by_radius, recall.mean(axis=0), atol=1e-12)
    assert result.precision_at_radius_2 == pytest.approx(precision.mean(axis=0)[min(2, bits)], abs=1e-12)


def test_equals_monte_carlo_over_tie_orders():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 301)
    codes = rng.random((301, 6)) < np.array([0.3, 0.5, 0.6])[labels, None]
    result = evaluate(codes[:1], labels[:1], codes[1:], labels[1:], k=20)
    distance, hit = np.array(distances(codes[0], codes[1:])), labels[1:] == labels[0]
    whole, at_k = [], []
    for _ in range(4000):
        order = hit[np.lexsort((rng.random(300), distance))]
        gain = order * order.cumsum() / np.arange(1, 301)
        whole.append(gain.sum() / hit.sum())
        at_k.append(gain[:20].sum() / 20)
    for drawn, expected in ((whole, result.map), (at_k, result.map_at_k)):
        assert np.std(drawn) > 0.001  # the order of ties does matter here
        assert np.mean(drawn) == pytest.approx(expected, abs=5 * np.std(drawn) / np.sqrt(len(drawn)))


def test_equals_scikit_learn_without_ties():
    rng = np.random.default_rng(1)
    flipped = rng.permutation(65)  # item i differs from the query in the first flipped[i] bits
    query = rng.random(64) < 0.5
    database = query ^ (np.arange(64) < flipped[:, None])
    labels = rng.integers(0, 2, 65)
    result = evaluate(query[None], [1], database, labels)
    assert result.map == pytest.approx(average_precision_score(labels == 1, -flipped), abs=1e-12)


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_depends_neither_on_the_order_of_the_database_nor_on_the_names_of_classes(case, random):
    queries, query_labels, database, database_labels, k = case
    order = random.sample(range(len(database)), len(database))
    names = np.unique(np.concatenate([query_labels, database_labels]))
    renamed = np.array(random.sample(range(-100, 100), len(names)))
    original = evaluate(*case)
    assert_same(original, evaluate(queries, query_labels, database[order], database_labels[order], k))
    new_query_labels = renamed[np.searchsorted(names, query_labels)]
    new_database_labels = renamed[np.searchsorted(names, database_labels)]
    assert_same(original, evaluate(queries, new_query_labels, database, new_database_labels, k))


def test_perfect_and_reversed_codes():
    codes, labels = np.array([[True] * 8, [False] * 8]).repeat(5, axis=0), np.array([0, 1]).repeat(5)
    perfect = evaluate(codes[[0, 5]], [0, 1], codes, labels, k=3)
    assert perfect.map == perfect.map_at_k == perfect.precision_at_radius_2 == pytest.approx(1.0)
    worst = evaluate(codes[[0, 5]], [1, 0], codes, labels, k=3)
    assert worst.map == pytest.approx(np.mean([j / (5 + j) for j in range(1, 6)]))
    assert worst.map_at_k == worst.precision_at_radius_2 == 0.0


def test_a_query_without_relevant_items_counts_as_zero():
    codes = np.array([[True, True], [False, False]])
    with_class = evaluate(codes[:1], [7], codes, [7, 8])
    result = evaluate(codes[[0, 0]], [7, 9], codes, [7, 8])
    assert result.average_precision.tolist() == [1.0, 0.0]
    assert result.average_precision_at_k.tolist() == [1.0, 0.0]
    for name in ("map", "map_at_k", "precision_at_radius_2"):
        assert getattr(result, name) == pytest.approx(getattr(with_class, name) / 2)
    for name in ("precision_at_n", "map_at_cutoffs", "precision_by_radius", "recall_by_radius"):
        np.testing.assert_allclose(getattr(result, name), getattr(with_class, name) / 2)


def test_k_beyond_the_database_means_all_of_it():
    rng = np.random.default_rng(2)
    codes, labels = rng.random((30, 16)) < 0.5, rng.integers(0, 3, 30)
    result = evaluate(codes, labels, codes, labels, k=1000)
    assert result.k == 1000
    assert result.map_at_k == result.map
    np.testing.assert_array_equal(result.average_precision_at_k, result.average_precision)


@pytest.mark.parametrize(
    ("size", "cutoffs"),
    [(1, [1]), (2, [1, 2]), (10, [1, 2, 5, 10]), (11, [1, 2, 5, 10, 11]), (2300, None)],
)
def test_cutoffs_end_with_the_size_of_the_database(size, cutoffs):
    codes = np.ones((size, 3))
    result = evaluate(codes[:1], [0], codes, np.zeros(size, int), k=7)
    expected = cutoffs or [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 2300]
    assert result.cutoffs.tolist() == expected
    assert len(result.precision_at_n) == len(result.map_at_cutoffs) == len(expected)


def test_neither_threads_nor_chunks_change_the_result():
    rng = np.random.default_rng(3)
    codes, labels = rng.random((1900, 28)) < 0.5, rng.integers(0, 5, 1900)
    arguments = codes[:1200], labels[:1200], codes[1200:], labels[1200:]
    result = evaluate(*arguments)
    assert_same(result, evaluate(*arguments, threads=3))
    alone = [evaluate(codes[i : i + 1], labels[i : i + 1], *arguments[2:]).map for i in (0, 511, 512, 1199)]
    np.testing.assert_array_equal(result.average_precision[[0, 511, 512, 1199]], alone)


@pytest.mark.parametrize("bits", BITS)
def test_packed_codes_give_the_same(bits):
    rng = np.random.default_rng(bits)
    codes, labels = rng.random((90, bits)) < 0.5, rng.integers(0, 4, 90)
    result = evaluate(codes[:9], labels[:9], codes[9:], labels[9:])
    packed = pack(codes)
    assert_same(result, evaluate_packed(packed[:9], labels[:9], packed[9:], labels[9:], bits))
    words = np.zeros((90, -(-bits // 64)), np.uint64)
    for bit in range(bits):  # another order of bits than that of `pack`
        words[:, bit // 64] |= codes[:, bit].astype(np.uint64) << np.uint64(bit % 64)
    words.flags.writeable = False  # as arrays from shared memory are
    assert_same(result, evaluate_packed(words[:9], labels[:9], words[9:], labels[9:], bits))
