"""What an `EmbeddingSet` accepts, refuses and promises."""

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hasher.data import EmbeddingSet, describe
from hasher.errors import UserError


def arguments(**changes):
    values = {
        "name": "toys",
        "features": np.arange(12.0).reshape(6, 2),
        "labels": np.array([0, 0, 1, 1, 2, -1]),
        "class_names": ("ball", "car", "doll"),
    }
    return {**values, **changes}


def with_value(row, value):
    features = np.arange(12.0).reshape(6, 2)
    features[row, 1] = value
    return features


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, ">f4"])
def test_real_numbers_become_contiguous_float32(dtype):
    stored = np.asfortranarray(np.arange(12).reshape(6, 2).astype(dtype))
    features = EmbeddingSet(**arguments(features=stored)).features
    assert features.dtype == np.float32 and features.flags.c_contiguous
    assert np.array_equal(features, np.arange(12).reshape(6, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": with_value(3, np.nan)},
            "toys: features: row 3 holds NaN or infinity, every value must be finite",
        ),
        (
            {"features": with_value(4, -np.inf)},
            "toys: features: row 4 holds NaN or infinity, every value must be finite",
        ),
        (
            {"features": with_value(0, np.inf), "paths": np.array(list("abcdef")), "source": "toys.npz"},
            "toys.npz: features: row 0 (a) holds NaN or infinity, every value must be finite",
        ),
        (
            {"features": with_value(5, 1e300)},
            "toys: features: row 5 holds a value too large for float32, every value must be finite",
        ),
        (
            {"features": with_value(2, -1e19)},
            "toys: features: row 2 is longer than 9e+18, too long to reckon with in float32; scale all features down",
        ),
        (
            {"features": np.full((6, 2), 3.7)},
            "toys: features: all items are alike, no value differs by more than 1e-10 between them, "
            "so nothing can tell them apart",
        ),
        (
            {"features": 1e-11 * np.arange(12).reshape(6, 2)[::-1]},
            "toys: features: all items are alike, no value differs by more than 1e-10 between them, "
            "so nothing can tell them apart",
        ),
        ({"features": np.zeros(6)}, "toys: features have shape (6,), expected (items, width)"),
        ({"features": np.zeros((6, 0))}, "toys: features have shape (6, 0), expected (items, width)"),
        ({"features": np.zeros((6, 2, 1))}, "toys: features have shape (6, 2, 1), expected (items, width)"),
        ({"features": np.zeros((1, 2))}, "toys: features hold 1 item(s), at least two are needed"),
        ({"features": np.zeros((6, 2), complex)}, "toys: features are complex128, expected real numbers"),
        ({"features": np.full((6, 2), "x")}, "toys: features are <U1, expected real numbers"),
        ({"labels": np.zeros(5, int)}, "toys: labels has shape (5,), expected (6,): one value an item"),
        ({"labels": np.zeros(6)}, "toys: labels is float64, expected integers"),
        (
            {"labels": np.array([0, 0, 1, 3, 2, 2])},
            "toys: labels: 3 in row 3, expected 0 to 2 for the 3 classes or -1 for unlabelled",
        ),
        (
            {"labels": np.array([0, 0, 1, -2, 2, 2])},
            "toys: labels: -2 in row 3, expected 0 to 2 for the 3 classes or -1 for unlabelled",
        ),
        (
            {"labels": np.array([1, 1, 1, -1, 1, 1])},
            "toys: labels: every labelled item is of the class 'car', retrieval needs at least two classes",
        ),
        (
            {"labels": np.full(6, -1)},
            "toys: labels: no item has a label, retrieval needs at least two classes",
        ),
        (
            {"labels": np.array([0, 1, 2, -1, -1, -1])},
            "toys: labels: no class has two items, so no query could find anything",
        ),
        ({"class_names": ("ball", "car", "ball")}, "toys: class_names holds a name twice, each class needs its own"),
        ({"is_query": np.array([0, 1, 0, 0, 0, 0])}, "toys: is_query is int64, expected booleans"),
        ({"is_query": np.ones((6, 1), bool)}, "toys: is_query has shape (6, 1), expected (6,): one value an item"),
        (
            {"is_query": np.zeros(6, bool)},
            "toys: is_query marks no item; leave it out where there is no official test split",
        ),
        (
            {"is_query": np.ones(6, bool)},
            "toys: is_query marks every item; leave it out where there is no official test split",
        ),
        (
            {"is_query": np.arange(6) == 5},
            "toys: row 5 is a test query (is_query) without a label, only labelled items can be queries",
        ),
        ({"groups": np.zeros(6)}, "toys: groups is float64, expected integers"),
        ({"paths": np.arange(6)}, "toys: paths is int64, expected strings"),
        ({"image_shape": (2, 2)}, "toys: image_shape (2, 2) does not fit features of width 2"),
    ],
)
def test_bad_values_are_refused_in_one_line(changes, message):
    with pytest.raises(UserError) as caught:
        EmbeddingSet(**arguments(**changes))
    assert str(caught.value) == message


def test_the_first_bad_row_is_found_beyond_one_chunk(monkeypatch):
    monkeypatch.setattr("hasher.data.embedding_set.CHUNK", 2)
    with pytest.raises(UserError, match="row 5 holds NaN"):
        EmbeddingSet(**arguments(features=with_value(5, np.nan)))


def test_the_content_cannot_change():
    data = EmbeddingSet(**arguments(groups=np.arange(6)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"
    for array in (data.features, data.labels, data.groups):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_fingerprint_is_of_the_content_alone():
    data = EmbeddingSet(**arguments())
    reference = data.fingerprint
    assert len(reference) == 32 and int(reference, 16) >= 0 and data.fingerprint is reference
    same = [
        arguments(name="other", source="elsewhere", class_names=("x", "y", "z"), image_shape=(1, 2)),
        arguments(features=np.asfortranarray(np.arange(12).reshape(6, 2)), labels=np.array([0, 0, 1, 1, 2, -1], "i1")),
    ]
    different = [
        arguments(features=np.arange(12.0).reshape(6, 2) + 1e-6),
        arguments(features=np.arange(12.0).reshape(6, 2)[::-1]),
        arguments(features=np.arange(18.0).reshape(6, 3)),
        arguments(labels=np.array([0, 0, 1, 1, 2, 2])),
        arguments(is_query=np.arange(6) == 0),
        arguments(groups=np.arange(6)),
    ]
    assert {EmbeddingSet(**values).fingerprint for values in same} == {reference}
    prints = {EmbeddingSet(**values).fingerprint for values in different}
    assert len(prints) == len(different) and reference not in prints
    assert pickle.loads(pickle.dumps(data)).fingerprint == reference


def test_the_first_item_that_differs_may_be_the_last():
    features = np.zeros((5000, 2))
    features[-1, 1] = 1e-9
    assert len(EmbeddingSet(**arguments(features=features, labels=np.arange(5000) % 3))) == 5000


@given(npst.arrays(npst.scalar_dtypes(), npst.array_shapes(max_dims=3, max_side=7)), st.booleans())
def test_any_features_are_accepted_or_refused_in_one_line(features, as_labels):
    """Whatever array is given: no other exception than UserError, and only finite values get in."""
    try:
        data = EmbeddingSet(**arguments(**{"labels" if as_labels else "features": features}))
    except UserError as error:
        assert str(error).startswith("toys: ") and "\n" not in str(error)
    else:
        assert np.isfinite(data.features).all() and data.features.shape == (6, data.width)


def test_description():
    features = np.array([[1, 5], [2, 5], [1, 5], [3, 5], [4, 5], [5, 5]])
    is_query, groups = np.arange(6) == 1, np.array([3, 3, 4, -1, -1, -1])
    facts = describe(EmbeddingSet(**arguments(features=features, is_query=is_query, groups=groups, source="toys.npz")))
    fingerprint = facts.pop("fingerprint")
    assert len(fingerprint) == 32
    assert facts == {
        "name": "toys",
        "source": "toys.npz",
        "items": 6,
        "width": 2,
        "classes": 3,
        "items a class": "1 to 2, median 2",
        "classes of one item": 1,
        "unlabelled": 1,
        "constant features": 1,
        "zero vectors": 0,
        "duplicate items": 1,
        "official test queries": 1,
        "groups": 2,
    }
