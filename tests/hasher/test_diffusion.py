"""Heat diffusion against a dense matrix exponential in double precision, and what it is ranked with."""

import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics import average_precision_score

from hasher import diffusion
from hasher.data import EmbeddingSet, SplitConfig, make_splits
from hasher.diffusion import Diffusion
from hasher.references import REFERENCES
from hasher.training.items import TrainingItems


def unit(vectors, mean):
    centred = vectors.astype(np.float64) - mean
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def strongest(cosines, similarities):
    """The weights of the links of one node to those of largest cosine, by the definition."""
    weights = np.zeros(len(cosines))
    for other in np.argsort(-cosines)[: diffusion.NEIGHBOURS]:
        weights[other] = max(0.0, similarities[other]) ** diffusion.EDGE_POWER
    return weights


def exact(items, queries):
    """The kernel exp(-tL) of the whole graph, whole, and each query's links to it."""
    mean = items.astype(np.float64).mean(axis=0)
    rows, others = unit(items, mean), unit(queries, mean)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    own = 1 / np.sqrt(cosines.max(axis=1))  # each item's own scale
    scaled = np.minimum(cosines * np.outer(own, own), 1)
    links = np.array([strongest(row, others) for row, others in zip(cosines, scaled, strict=True)])
    looped = np.maximum(links, links.T) + np.eye(len(items))
    degrees = looped.sum(axis=1)
    laplacian = np.eye(len(items)) - looped / np.sqrt(np.outer(degrees, degrees))
    attached = np.array([strongest(row, row) for row in others @ rows.T])
    attached /= np.sqrt(np.outer(attached.sum(axis=1) + 1, degrees))
    return attached @ scipy.linalg.expm(-diffusion.TIME * laplacian)


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    return (rng.standard_normal((5, 6)) * 2 + 7)[rng.integers(5, size=90)] + rng.standard_normal((90, 6))


def test_scores_are_those_of_the_matrix_exponential(vectors, monkeypatch):
    items, queries = np.split(vectors.astype(np.float32), [70])
    expected, found = exact(items, queries), Diffusion.over(TrainingItems(items))
    assert found.scores(queries).shape == (20, 70)
    np.testing.assert_allclose(np.maximum(found.scores(queries), 0), expected, atol=2e-5 * expected.max())
    monkeypatch.setattr(diffusion, "STEPS", 60)
    np.testing.assert_allclose(found.scores(queries), expected, rtol=2e-5)


def test_a_query_is_scored_the_same_in_any_company(vectors):
    items, queries = np.split(vectors.astype(np.float32), [70])
    found = Diffusion.over(TrainingItems(items))
    alone = np.concatenate([found.scores(query[None]) for query in queries])
    np.testing.assert_allclose(found.scores(queries), alone, rtol=1e-5)


def test_items_that_no_heat_reaches_come_last_in_the_order_of_their_cosine():
    """Two clouds on either side of the mean: no link joins them."""
    rng = np.random.default_rng(1)
    sides = np.repeat([[10.0, 0.0, 0.0], [-10.0, 0.0, 0.0]], 20, axis=0)
    items = (sides + rng.standard_normal((40, 3))).astype(np.float32)
    queries = np.array([[9.0, 1.0, 0.0]], dtype=np.float32)
    scores = Diffusion.over(TrainingItems(items)).scores(queries)[0]
    assert (scores[:20] > 0).all() and (scores[20:] < -0.9).all()
    mean = items.mean(axis=0)
    cosines = (unit(items, mean) @ unit(queries, mean).T)[:, 0]
    np.testing.assert_allclose(scores[20:], cosines[20:] - 2, atol=1e-5)


def test_a_query_without_a_direction_ties_with_everything():
    items = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)
    scores = Diffusion.over(TrainingItems(items)).scores(np.zeros((1, 2), dtype=np.float32))
    assert (scores == -2).all()


def test_equal_items_out_of_reach_tie():
    items = np.repeat(np.float32([[3, 1, 0], [-3, 1, 0.3], [0, -2, 0.1]]), 15, axis=0)
    scores = Diffusion.over(TrainingItems(items)).scores(np.float32([[5, 2, 0]]))[0].reshape(3, 15)
    out_of_reach = scores[(scores < 0).all(axis=1)]
    assert len(out_of_reach) == 2 and (out_of_reach == out_of_reach[:, :1]).all()


def labelled_blobs(unlabelled):
    rng = np.random.default_rng(2)
    labels = np.arange(150) % 3
    features = rng.standard_normal((3, 8))[labels] * 1.5 + rng.standard_normal((150, 8))
    labels[rng.random(150) < unlabelled] = -1
    return EmbeddingSet("blobs", features.astype(np.float32), labels, ("a", "b", "c"))


@pytest.mark.parametrize("unlabelled", [0.0, 0.4])
def test_the_baseline_ranks_labelled_items_and_diffuses_over_all(unlabelled):
    data = labelled_blobs(unlabelled)
    split = make_splits(data, SplitConfig()).final
    found = REFERENCES["float_diffusion"].evaluate(data, split, 200)
    assert found.bits is None
    queries, database = data.labels[split.queries], data.labels[split.database]
    scores = Diffusion.over(TrainingItems(data.features[split.train])).scores(data.features[split.queries])
    ranked = scores[:, data.labels[split.train] >= 0]
    expected = [average_precision_score(database == label, row) for label, row in zip(queries, ranked, strict=True)]
    np.testing.assert_allclose(found.average_precision, expected, atol=1e-9)


def test_it_follows_a_bent_class_where_the_cosine_does_not():
    """Two interleaved arcs on a sphere: neighbours lie along an arc, and its ends are far apart."""
    rng = np.random.default_rng(3)
    angle = rng.uniform(0, 1.6 * np.pi, 400)
    labels = np.arange(400) % 2
    tilt = np.where(labels == 0, 0.35, -0.35)
    points = np.stack([np.cos(angle), np.sin(angle), tilt], axis=1) + 0.03 * rng.standard_normal((400, 3))
    data = EmbeddingSet("arcs", points.astype(np.float32), labels, ("up", "down"))
    split = make_splits(data, SplitConfig()).final
    cosine, heat = (REFERENCES[name].evaluate(data, split, 200).map for name in ("float_cosine", "float_diffusion"))
    assert heat > cosine + 0.1
