"""Embedding files, good and bad."""

import io
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hasher.data import load_dataset
from hasher.errors import UserError

FEATURES = np.arange(12, dtype=np.float32).reshape(6, 2)
LABELS = np.array([0, 0, 1, 1, 2, 2])
#: Several labels an item, the last item without any.
HOT = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]], bool)


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        path = tmp_path / "toys.npz"
        np.savez(path, **arrays)
        return str(path)

    return save


def refused(source):
    with pytest.raises(UserError) as caught:
        load_dataset(source)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(source)
    return message.removeprefix(f"{source}: ")


def test_every_key_is_read(save):
    paths = np.array([f"{number}.png" for number in range(6)])
    source = save(
        features=FEATURES, labels=LABELS, is_query=np.arange(6) == 5, groups=np.array([7, 7, -1, -3, 9, 8]), paths=paths
    )
    data = load_dataset(source)
    assert data.name == "toys" and data.source == source
    assert np.array_equal(data.features, FEATURES) and np.array_equal(data.labels, LABELS)
    assert data.class_names == ("0", "1", "2")
    assert data.is_query.tolist() == [False] * 5 + [True]
    assert data.groups.tolist() == [0, 0, -1, -1, 2, 1]
    assert np.array_equal(data.paths, paths)


@pytest.mark.parametrize(
    ("labels", "expected", "names"),
    [
        (np.array([30, 30, 7, 7, 7, -1]), [1, 1, 0, 0, 0, -1], ("7", "30")),
        (np.array([2, 2, 1, 1, 1, 1], np.uint8), [1, 1, 0, 0, 0, 0], ("1", "2")),
        (np.array(["dog", "dog", "cat", "", "cat", "écureuil"]), [1, 1, 0, -1, 0, 2], ("cat", "dog", "écureuil")),
        (np.array(["é", "é", "a", "a", "a", ""]).astype("U").astype("U3"), [1, 1, 0, 0, 0, -1], ("a", "é")),
        (np.array([b"dog", b"dog", b"cat", b"", b"cat", b"cat"]), [1, 1, 0, -1, 0, 0], ("cat", "dog")),
    ],
)
def test_labels_may_be_any_integers_or_strings(save, labels, expected, names):
    data = load_dataset(save(features=FEATURES, labels=labels))
    assert data.labels.tolist() == expected and data.class_names == names


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_an_item_may_have_several_labels(save, dtype):
    data = load_dataset(save(features=FEATURES, labels=HOT.astype(dtype), class_names=np.array(["a", "b", "écureuil"])))
    assert data.labels.dtype == bool and np.array_equal(data.labels, HOT)
    assert data.class_names == ("a", "b", "écureuil") and data.has_several_labels
    assert load_dataset(save(features=FEATURES, labels=HOT.astype(dtype))).class_names == ("0", "1", "2")


def test_names_of_classes_are_read_where_items_have_several_labels_alone(save):
    data = load_dataset(save(features=FEATURES, labels=LABELS, class_names=np.array({"a": 1}, dtype=object)))
    assert data.class_names == ("0", "1", "2")


def test_groups_may_be_strings(save):
    data = load_dataset(save(features=FEATURES, labels=LABELS, groups=np.array(["b", "a", "", "b", "", "c"])))
    assert data.groups.tolist() == [1, 0, -1, 1, -1, 2]


def test_other_keys_are_never_read(save):
    """Metadata may be anything, even Python objects; a key that looks misspelt is pointed out."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_dataset(save(features=FEATURES, labels=LABELS, meta=np.array({"a": 1}, dtype=object), backbone="vit"))
    with pytest.warns(UserWarning, match="unknown key `is_querry` ignored; did you mean `is_query`"):
        load_dataset(save(features=FEATURES, labels=LABELS, is_querry=np.zeros(6, bool)))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": LABELS.astype(float)}, "labels is float64, expected integers or strings"),
        (
            {"labels": LABELS.reshape(6, 1)},
            "labels: 2 in row 4, column 0, expected one label an item, or 0 and 1 in a column for each class",
        ),
        ({"labels": LABELS.reshape(6, 1, 1)}, "labels has shape (6, 1, 1), expected one value an item"),
        ({"labels": HOT[:5]}, "labels are bool of shape (5, 3), expected booleans of shape (6, 3): a row an item"),
        (
            {"labels": HOT, "class_names": np.array(["a", "b"])},
            "class_names is <U1 of shape (2,), expected (3,) strings",
        ),
        ({"labels": HOT, "class_names": np.array(["a", "b", "a"])}, "class_names holds a name twice"),
        (
            {"labels": HOT, "class_names": HOT.astype(object)},
            "class_names holds pickled Python objects, expected a plain",
        ),
        ({"labels": LABELS[:5]}, "labels has shape (5,), expected (6,): one value an item"),
        ({"labels": LABELS.astype(object)}, "labels holds pickled Python objects, expected a plain array"),
        (
            {"labels": np.array([0, 0, 1, -5, 2, 2])},
            "labels: -5 in row 3, expected -1 (unlabelled), 0 or more, or strings",
        ),
        (
            {"labels": np.array([b"\xff", b"a"] * 3)},
            "labels holds bytes that are not UTF-8, expected integers or strings",
        ),
        ({"features": FEATURES.astype(object)}, "features holds pickled Python objects, expected a plain array"),
        ({"features": np.where(np.arange(12) == 7, np.nan, 0).reshape(6, 2)}, "features: row 3 holds NaN or infinity"),
        ({"features": FEATURES.ravel()}, "features have shape (12,), expected (items, width)"),
        ({"features": FEATURES[:0]}, "features hold 0 item(s), at least two are needed"),
        ({"is_query": 2 * LABELS}, "is_query is int64, expected booleans"),
        ({"groups": FEATURES}, "groups has shape (6, 2), expected one value an item"),
        ({"groups": LABELS.astype(float)}, "groups is float64, expected integers or strings"),
        ({"paths": LABELS}, "paths is int64, expected strings"),
    ],
)
def test_bad_arrays_are_refused_by_name(save, arrays, message):
    assert refused(save(**{"features": FEATURES, "labels": LABELS, **arrays})).startswith(message)


def test_missing_arrays_are_named(save):
    expected = "expected `features` and `labels`; found"
    assert refused(save(features=FEATURES)) == (
        f"lacks `labels`, {expected}: features (--label-column says what it is called)"
    )
    assert refused(save(x=FEATURES, y=LABELS)) == (
        f"lacks `features`, {expected}: x, y (--features-key says what it is called)"
    )


def test_other_files_are_refused(tmp_path):
    for content in (b"", b"hello", b"PK\x03\x04 not a zip file", b"\x80\x04K\x01."):
        path = tmp_path / "toys.npz"
        path.write_bytes(content)
        assert refused(str(path)).startswith("not a readable .npz file (")
    with path.open("wb") as file:
        np.save(file, FEATURES)
    assert refused(str(path)).startswith("holds a single array, expected an .npz file of several")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("features", "text")
        archive.writestr("labels", "text")
    refused(str(path))
    (tmp_path / "folder.npz").mkdir()
    assert refused(str(tmp_path / "folder.npz")).startswith("holds no embeddings")


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_loads_or_is_refused(tmp_path, data):
    """Any bytes changed, or the end cut off: never a traceback."""
    buffer = io.BytesIO()
    np.savez(buffer, features=FEATURES, labels=LABELS)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "toys.npz"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_dataset(str(path))
        except UserError as error:
            assert "\n" not in str(error) and str(error).startswith(str(path))
