"""Scores of a split before and after the signs, against the cosine written out."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hasher.data import EmbeddingSet, SplitConfig, make_splits
from hasher.encoding import encode, real_values
from hasher.scoring import encode_split, real_values_of_split, score_real_values


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 4
    features = rng.normal(size=(4, 10))[labels] + rng.normal(size=(200, 10))
    return EmbeddingSet("blobs", features.astype(np.float32), np.where(np.arange(200) < 20, -1, labels), tuple("abcd"))


@pytest.fixture(scope="module")
def split(data):
    return make_splits(data, SplitConfig()).final


def test_both_sides_are_encoded_and_only_labelled_items_are_searched(data, split, make_hasher):
    encoder = make_hasher().model.encoder
    values = real_values_of_split(encoder, data, split)
    for found, rows in zip(values, (split.queries, split.database), strict=True):
        np.testing.assert_array_equal(found, real_values(encoder, data.features[rows]))
    for found, codes in zip(values, encode_split(encoder, data, split), strict=True):
        np.testing.assert_array_equal(found > 0, codes)
    assert len(values[1]) == len(split.database) < len(split.train)


def test_real_values_are_ranked_by_their_cosine(data, split, make_hasher):
    queries, database = real_values_of_split(make_hasher().model.encoder, data, split)
    cosines = queries.astype(float) @ database.astype(float).T
    cosines /= np.outer(np.linalg.norm(queries.astype(float), axis=1), np.linalg.norm(database.astype(float), axis=1))
    relevant = data.labels[split.queries][:, None] == data.labels[split.database]
    expected = [average_precision_score(hits, row) for hits, row in zip(relevant, cosines, strict=True)]
    found = score_real_values(data, split, queries, database, 50)
    np.testing.assert_allclose(found.average_precision, expected, atol=1e-9)
    assert found.map == pytest.approx(np.mean(expected)) and found.k == 50
    scaled = score_real_values(data, split, 3 * queries, database * np.arange(1, len(database) + 1)[:, None], 50)
    np.testing.assert_allclose(scaled.average_precision, expected, atol=1e-5)  # lengths say nothing


def test_values_that_are_all_zero_tie_with_everything(data, split):
    """So the score is that of any other ranking that says nothing."""
    queries, database = np.zeros((len(split.queries), 8), np.float32), np.ones((len(split.database), 8), np.float32)
    nothing = score_real_values(data, split, queries, database, 50)
    same = score_real_values(data, split, queries + 1, database, 50)
    np.testing.assert_allclose(nothing.average_precision, same.average_precision)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_overflowed_have_no_score(data, split, make_hasher, side, value):
    values = real_values_of_split(make_hasher().model.encoder, data, split)
    values[side][3, 0] = value
    assert score_real_values(data, split, *values, 50) is None


def test_codes_of_a_split_are_those_of_its_items(data, split, make_hasher):
    encoder = make_hasher().model.encoder
    queries, database = encode_split(encoder, data, split)
    np.testing.assert_array_equal(queries, encode(encoder, data.features[split.queries]))
    np.testing.assert_array_equal(database, encode(encoder, data.features[split.database]))
