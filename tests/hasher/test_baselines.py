"""Baselines against scikit-learn, a float64 ITQ, hashes whose collisions are known, and hypercubes."""

import faiss
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from hasher.baselines import (
    BASELINES,
    PROJECTIONS,
    STOCHASTIC,
    baseline_codes,
    evaluate_baseline,
)
from hasher.data import EmbeddingSet, SplitConfig, load_dataset, make_splits
from hasher.errors import UserError
from hasher.projections import ITQ_ITERATIONS
from hasher.retrieval import evaluate, released_map
from hasher.scoring import released_label_shift


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def final(digits):
    return make_splits(digits, SplitConfig()).final


def blobs(classes=3, each=20, width=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    features = rng.standard_normal((classes, width))[labels] * 3 + rng.standard_normal((len(labels), width)) + 5
    return EmbeddingSet("blobs", features, labels, tuple("abcdefghijkl"[:classes]))


def quantisation_loss(projected, rotation):
    rotated = projected @ rotation
    return np.square(np.where(rotated > 0, 1, -1) - rotated).sum()


def test_float_cosine_is_the_cosine_of_raw_vectors(digits, final):
    result = evaluate_baseline("float_cosine", digits, final, bits=16)
    cosine = cosine_similarity(digits.features[final.queries], digits.features[final.database])
    relevant = digits.labels[final.queries][:, None] == digits.labels[final.database]
    expected = np.mean([average_precision_score(hits, scores) for hits, scores in zip(relevant, cosine, strict=True)])
    assert result.retrieval.map == pytest.approx(expected, abs=1e-6)
    assert result.query_codes is result.database_codes is result.map_released is None
    assert evaluate_baseline("float_cosine", digits, final, bits=999, seed=7).retrieval.map == result.retrieval.map


def test_pca_sign_agrees_with_scikit_learn(digits, final):
    train = digits.features[final.train]
    (codes,) = baseline_codes("pca_sign", train, digits.features[final.queries], bits=12)
    reference = PCA(12, svd_solver="full").fit(train.astype(np.float64))
    expected = reference.transform(digits.features[final.queries]) > 0
    flipped = (codes != expected).mean(axis=0) > 0.5  # the sign of a component is free
    assert np.mean(codes == (expected ^ flipped)) == 1


def test_directions_without_variance_give_constant_bits(digits, final):
    """Digits have 64 pixels, three of them constant."""
    (codes,) = baseline_codes("pca_sign", digits.features[final.train], digits.features, bits=64)
    assert codes[:, :61].any(axis=0).all() and not codes[:, 61:].any()
    rng = np.random.default_rng(0)
    flat = (rng.standard_normal((50, 3)) @ rng.standard_normal((3, 8)) + 100).astype(np.float32)
    (codes,) = baseline_codes("pca_sign", flat, flat, bits=3)
    assert codes.any(axis=0).all()


def test_itq_agrees_with_a_float64_reference(digits, final):
    """The reference starts from the same rotation and solves orthogonal Procrustes by its own decomposition."""
    train, bits, seed = digits.features[final.train].astype(np.float64), 16, 3
    queries = digits.features[final.queries]
    mean = train.mean(axis=0)
    _, _, components = np.linalg.svd(train - mean, full_matrices=False)
    components = components[:bits].T
    components = components * np.sign(components[np.abs(components).argmax(axis=0), np.arange(bits)])
    projected = (train - mean) @ components
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((bits, bits)))[0]
    losses = [quantisation_loss(projected, rotation)]
    for _ in range(ITQ_ITERATIONS):
        left, _, right = np.linalg.svd(projected.T @ np.where(projected @ rotation > 0, 1.0, -1.0))
        rotation = left @ right
        losses.append(quantisation_loss(projected, rotation))
    assert np.all(np.diff(losses) <= 1e-9) and losses[-1] < losses[0]
    (codes,) = baseline_codes("itq", digits.features[final.train], queries, bits=bits, seed=seed)
    assert np.mean(codes == ((queries - mean) @ components @ rotation > 0)) > 0.99


def test_itq_finds_the_corners_of_a_turned_cube():
    """Points at the corners of a cube lose nothing once the turn is undone: a bit is then one coordinate's sign.

    ITQ stops in local optima with some coordinates mixed, so only most bits, over several starts, are asked for; an
    iteration that does not solve the Procrustes problem finds none in eight dimensions.
    """
    rng = np.random.default_rng(0)
    corners = rng.choice([-1.0, 1.0], (2000, 8))
    turned = corners @ scipy.stats.ortho_group.rvs(8, random_state=rng) + 7
    points = (turned + 0.05 * rng.standard_normal(turned.shape)).astype(np.float32)
    found = []
    for seed in range(10):
        (codes,) = baseline_codes("itq", points, points, bits=8, seed=seed)
        agreement = np.mean(codes[:, :, None] == (corners > 0)[:, None, :], axis=0)
        found.append((np.abs(2 * agreement - 1) > 0.99).any(axis=0).mean())
    assert np.mean(found) > 0.5


def test_itq_loses_no_more_than_faiss(digits, final):
    """From any start; faiss 1.15.1 loses far more, see `hasher.baselines`."""
    train, bits = digits.features[final.train], 16
    mean = train.mean(axis=0)
    rotated = (train - mean) @ PROJECTIONS["itq"](train, bits, 0)[1]
    projected = (train - mean) @ PROJECTIONS["pca_sign"](train, bits, 0)[1]
    transform = faiss.ITQMatrix(bits)
    transform.train(projected)
    ours, theirs = (quantisation_loss(values, np.eye(bits)) for values in (rotated, transform.apply(projected)))
    assert ours < 1.01 * theirs


def test_lsh_collides_as_often_as_the_angle_says():
    """A bit of two vectors differs with probability angle / pi (Charikar 2002)."""
    angle, bits = 0.7, 40_000
    train = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]], dtype=np.float32)  # mean 2, 3, 4
    pair = np.array([[1, 0, 0], [np.cos(angle), np.sin(angle), 0]]) * [[2.0], [0.5]] + [2, 3, 4]
    (codes,) = baseline_codes("lsh", train, pair.astype(np.float32), bits=bits)
    assert np.mean(codes[0] != codes[1]) == pytest.approx(angle / np.pi, abs=4 * np.sqrt(0.25 / bits))


@pytest.mark.parametrize("name", ["lsh", "pca_sign", "itq"])
def test_codes_depend_on_the_seed_only_where_they_are_said_to(name):
    data = blobs()
    first, again, other = (baseline_codes(name, data.features, data.features, bits=5, seed=s)[0] for s in (0, 0, 1))
    assert first.dtype == bool and first.shape == (60, 5)
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (name not in STOCHASTIC)


@pytest.mark.parametrize("name", ["lsh", "pca_sign", "itq"])
def test_an_item_has_the_same_code_in_any_company(name):
    """Also beyond one chunk of rows, and unmoved by a shift of the whole data set."""
    rng = np.random.default_rng(0)
    train = rng.standard_normal((300, 8)).astype(np.float32)
    many = rng.standard_normal((9000, 8)).astype(np.float32)
    whole, part = baseline_codes(name, train, many, many[8100:8300], bits=8)
    assert np.array_equal(whole[8100:8300], part)
    (shifted,) = baseline_codes(name, train + 64, many + 64, bits=8)
    assert np.mean(shifted == whole) > 0.995


@given(st.sampled_from(["pca_sign", "itq"]), st.integers(1, 12), st.integers(2, 12), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_projections_have_no_more_bits_than_dimensions_or_items(name, width, count, bits):
    train = np.random.default_rng(0).standard_normal((count, width)).astype(np.float32)
    codes = baseline_codes(name, train, train, bits=bits)
    assert (codes is None) == (bits > min(width, count))
    assert codes is None or codes[0].shape == (count, bits)


def test_every_baseline_is_scored_on_the_split(digits, final):
    for name in PROJECTIONS:
        result = evaluate_baseline(name, digits, final, bits=24, seed=2, k=50)
        inputs = (digits.features[rows] for rows in (final.train, final.queries, final.database))
        queries, database = baseline_codes(name, *inputs, bits=24, seed=2)
        labels = digits.labels[final.queries], digits.labels[final.database]
        assert np.array_equal(result.query_codes, queries) and np.array_equal(result.database_codes, database)
        assert result.retrieval.map == evaluate(queries, labels[0], database, labels[1], 50).map
        assert result.map_released == released_map(queries, labels[0], database, labels[1], 50)
    assert evaluate_baseline("itq", digits, final, bits=65) is None


def test_itq_beats_pca_sign_and_lsh_on_digits(digits, final):
    scores = {name: evaluate_baseline(name, digits, final, bits=32).retrieval.map for name in BASELINES}
    assert scores["itq"] > scores["lsh"] + 0.1 and scores["itq"] > scores["pca_sign"] + 0.1


def test_test_queries_never_reach_the_fit(digits, final):
    """Codes of the database are unchanged when the queries are replaced."""
    changed = digits.features.copy()
    changed[final.queries] = 99
    spoiled = EmbeddingSet("digits", changed, digits.labels, digits.class_names)
    for name in ("lsh", "pca_sign", "itq"):
        clean, dirty = (evaluate_baseline(name, data, final, bits=16).database_codes for data in (digits, spoiled))
        assert np.array_equal(clean, dirty)


def test_unlabelled_items_are_fitted_on():
    data = blobs()
    labels = np.where(np.arange(60) % 4 == 0, -1, data.labels)
    mixed = EmbeddingSet("mixed", data.features, labels, data.class_names)
    split = make_splits(mixed, SplitConfig()).final
    result = evaluate_baseline("pca_sign", mixed, split, bits=4)
    (expected,) = baseline_codes("pca_sign", data.features[split.train], data.features[split.database], bits=4)
    (without,) = baseline_codes("pca_sign", data.features[split.database], data.features[split.database], bits=4)
    assert len(split.train) > len(split.database)
    assert np.array_equal(result.database_codes, expected) and not np.array_equal(expected, without)


def test_released_labels_are_shifted_unless_there_are_ten_classes(digits):
    assert released_label_shift(len(digits.class_names)) == 0
    data = blobs(classes=3)
    split = make_splits(data, SplitConfig()).final
    result = evaluate_baseline("lsh", data, split, bits=8)
    labels = data.labels[split.queries] - 1, data.labels[split.database] - 1
    expected = released_map(result.query_codes, labels[0], result.database_codes, labels[1])
    assert result.map_released == expected and released_label_shift(len(data.class_names)) == -1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"name": "pq", "bits": 8}, "baseline: no hash is called 'pq', expected one of lsh, pca_sign, itq"),
        ({"name": "float_cosine", "bits": 8}, "baseline: no hash is called 'float_cosine'"),
        ({"name": "itq", "bits": 0}, "bits: must be at least 1, not 0"),
    ],
)
def test_bad_calls_are_refused(call, message):
    data = blobs()
    with pytest.raises(UserError, match=message):
        baseline_codes(call["name"], data.features, bits=call["bits"])
