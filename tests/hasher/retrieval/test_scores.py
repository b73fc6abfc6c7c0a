"""Real-valued rankings against Hamming rankings, scikit-learn and duplicates."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from hasher.errors import UserError
from hasher.retrieval import Retrieval, evaluate, evaluate_cosine, evaluate_scores, scores

RANKING_FIELDS = (
    "map",
    "map_at_k",
    "k",
    "cutoffs",
    "precision_at_n",
    "map_at_cutoffs",
    "average_precision",
    "average_precision_at_k",
    "average_precision_at_1000",
    "average_precision_at_5000",
)


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 330)
    return (rng.standard_normal((4, 20))[labels] + 2 * rng.standard_normal((330, 20))).astype(np.float32), labels


@pytest.mark.parametrize("at_once", [1, 700, 1 << 20])
def test_negative_distances_rank_as_codes_do(monkeypatch, at_once):
    """Twelve bits, so nearly every score ties; chunks of one query, of a few, and one chunk."""
    monkeypatch.setattr(scores, "SCORES_AT_ONCE", at_once)
    rng = np.random.default_rng(1)
    codes, labels = rng.random((230, 12)) < 0.5, rng.integers(0, 4, 230)
    codes[labels == 0, :3] = True
    by_codes = evaluate(codes[:30], labels[:30], codes[30:], labels[30:], k=13)
    distance = (codes[:30, None] != codes[None, 30:]).sum(axis=2)
    by_scores = evaluate_scores(lambda rows: -distance[rows], labels[:30], labels[30:], k=13)
    for name in RANKING_FIELDS:
        np.testing.assert_allclose(getattr(by_scores, name), getattr(by_codes, name), atol=1e-12, err_msg=name)


def test_cosine_equals_scikit_learn_without_ties(vectors):
    features, labels = vectors
    result = evaluate_cosine(features[:30], labels[:30], features[30:], labels[30:])
    cosine = cosine_similarity(features[:30].astype(np.float64), features[30:].astype(np.float64))
    expected = [average_precision_score(labels[30:] == labels[i], cosine[i]) for i in range(30)]
    np.testing.assert_allclose(result.average_precision, expected, atol=1e-12)
    nearest = labels[30:][np.argsort(-cosine, axis=1)]
    precision = (nearest == labels[:30, None]).cumsum(axis=1) / np.arange(1, 301)
    np.testing.assert_allclose(result.precision_at_n, precision.mean(axis=0)[result.cutoffs - 1], atol=1e-12)


def test_there_is_no_radius(vectors):
    features, labels = vectors
    result = evaluate_cosine(features[:30], labels[:30], features[30:], labels[30:])
    assert result.bits is None
    assert np.isnan(result.precision_at_radius_2)
    assert result.radii.size == result.precision_by_radius.size == result.recall_by_radius.size == 0
    assert {field.name for field in fields(Retrieval)} == {
        *RANKING_FIELDS,
        "conventions",
        "bits",
        "precision_at_radius_2",
        "precision_within_2",
        "radii",
        "precision_by_radius",
        "recall_by_radius",
    }


def test_equal_directions_tie_wherever_they_are_and_whatever_their_length(vectors):
    """Every item four times, at lengths a matrix product rounds differently: an expectation, whatever the order."""
    features, labels = vectors[0].astype(np.float64), vectors[1]
    rng = np.random.default_rng(2)
    copies = np.concatenate([features[30:] * scale for scale in (1, 3, 0.7, 1e-3)])
    copied_labels = rng.permutation(labels[30:].repeat(4))  # so that ties hold different classes
    original = evaluate_cosine(features[:30], labels[:30], copies, copied_labels)
    order = rng.permutation(len(copies))
    shuffled = evaluate_cosine(features[:30], labels[:30], copies[order], copied_labels[order])
    np.testing.assert_allclose(original.average_precision, shuffled.average_precision, atol=1e-12)
    cosine = cosine_similarity(features[:30], features[30:])
    tied = evaluate_scores(lambda rows: np.tile(cosine[rows], 4), labels[:30], copied_labels)
    np.testing.assert_allclose(original.average_precision, tied.average_precision, atol=1e-12)


def test_a_zero_vector_is_orthogonal_to_everything():
    database = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    result = evaluate_cosine([[1.0, 0.0], [0.0, 0.0]], [5, 5], database, [4, 5, 4])
    np.testing.assert_allclose(result.average_precision, [1 / 2, (1 + 1 / 2 + 1 / 3) / 3])


def test_an_unknown_class_counts_as_zero(vectors):
    features, labels = vectors
    result = evaluate_cosine(features[:2], [labels[0], 99], features[30:], labels[30:])
    assert result.average_precision[1] == 0.0
    assert result.map == pytest.approx(result.average_precision[0] / 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_vectors": np.ones(4)}, r"query_vectors: expected numbers of shape \(n, d\)"),
        ({"query_vectors": np.array([["a"]])}, "query_vectors: expected numbers"),
        ({"database_vectors": np.ones((3, 3))}, "database_vectors: expected 2 dimensions, as query_vectors has, not 3"),
        ({"database_vectors": [[1, 2], [np.inf, 1], [3, 4]]}, "database_vectors: row 1 has a value that is not finite"),
        ({"database_labels": [0, 1]}, "database_labels: expected one label for each of 3 items"),
        ({"query_labels": [0]}, "query_labels: expected one label for each of 2 items"),
        ({"k": 0}, "k: must be a whole number"),
    ],
)
def test_bad_vectors_are_refused_by_name(change, message):
    good = {
        "query_vectors": np.eye(2),
        "query_labels": [0, 1],
        "database_vectors": np.ones((3, 2)),
        "database_labels": [0, 1, 1],
    }
    evaluate_cosine(**good)
    with pytest.raises(UserError, match=message):
        evaluate_cosine(**{**good, **change})


def test_bad_scores_are_refused():
    with pytest.raises(UserError, match=r"scores: expected shape \(2, 3\), not \(2, 2\)"):
        evaluate_scores(lambda rows: np.ones((2, 2)), [0, 1], [0, 1, 1])
    with pytest.raises(UserError, match="scores: not a number for a query among 0 to 1"):
        evaluate_scores(lambda rows: np.full((2, 3), np.nan), [0, 1], [0, 1, 1])
