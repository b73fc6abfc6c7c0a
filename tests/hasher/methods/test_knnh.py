"""KNNH against ITQ, scikit-learn's neighbours and ITQ's rotation of their means."""

import faiss
import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.database_graph.neighbours import nearest
from hasher.methods.knnh import means_of
from hasher.methods.registry import find_method
from hasher.projections import itq_rotation
from hasher.scoring import encode_split, score_codes
from tests.hasher.hashing import CPU, codes_of


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def encoder_of(features, neighbours, bits=16, seed=0):
    method = find_method("knnh")
    return method.start(method.configure({"bits": bits, "neighbours": neighbours}), features, seed, CPU).encoder


def test_without_neighbours_it_is_itq_bit_for_bit(digits):
    itq = find_method("itq")
    expected = itq.start(itq.configure({"bits": 16}), digits.features, 3, CPU).encoder
    found = encoder_of(digits.features, 0, seed=3)
    assert torch.equal(found.directions, expected.directions) and torch.equal(found.mean, expected.mean)


def test_the_rotation_is_itqs_of_the_means_of_scikit_learns_neighbours(digits):
    features, bits, count = digits.features[:500], 8, 7
    components = find_method("pca_sign").start(find_method("pca_sign").configure({"bits": bits}), features, 0, CPU)
    axes = components.encoder.directions.numpy()
    coordinates = (features - features.mean(axis=0)) @ axes
    others = NearestNeighbors(n_neighbors=count).fit(coordinates).kneighbors(return_distance=False)
    expected = axes @ itq_rotation(coordinates[others].mean(axis=1), 5)
    np.testing.assert_allclose(encoder_of(features, count, bits, 5).directions.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("exact", [True, False])
def test_neighbours_by_distance_are_scikit_learns(digits, exact, monkeypatch):
    if not exact:
        monkeypatch.setattr("hasher.database_graph.neighbours.EXACT", 100)
    items, squared = nearest(digits.features, 5, faiss.METRIC_L2)
    distances, expected = NearestNeighbors(n_neighbors=5).fit(digits.features).kneighbors()
    assert np.mean(np.isclose(squared, distances**2, rtol=1e-4)) > (0.9999 if exact else 0.9)
    assert np.mean(items == expected) > (0.98 if exact else 0.9)  # a tie may fall either way


def test_means_leave_out_neighbours_that_are_not_there():
    points = np.array([[0, 0], [2, 4], [4, 8], [9, 9]], dtype=np.float32)
    found = means_of(points, np.array([[1, 2], [2, -1], [-1, -1], [0, 1]], dtype=np.int32))
    np.testing.assert_array_equal(found, [[3, 6], [4, 8], [4, 8], [1, 2]])
    np.testing.assert_array_equal(means_of(points, np.zeros((4, 0), dtype=np.int32)), points)


def test_it_is_above_itq_on_digits(digits):
    split = make_splits(digits, SplitConfig()).final
    scores = {
        count: score_codes(
            digits, split, *encode_split(encoder_of(digits.features[split.train], count, 32), digits, split), 200
        ).map
        for count in (0, 20)
    }
    assert scores[20] > scores[0] + 0.02


@pytest.mark.parametrize("features", [np.ones((30, 4)), np.repeat(np.eye(4), 8, axis=0), np.eye(4)[:2]])
def test_items_that_are_alike_or_few_have_finite_codes(features):
    features = features.astype(np.float32)
    bits = min(features.shape)
    assert encoder_of(features, 20, bits).directions.isfinite().all()
    (codes,) = codes_of("knnh", features, features, bits=bits)
    assert len(np.unique(codes, axis=0)) <= len(np.unique(features, axis=0))
