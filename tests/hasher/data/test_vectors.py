"""Vectors to encode, from every form they come in, and what is said of those that are no good."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hasher.data import Items, KnownSplit, SplitConfig, load_dataset, load_vectors, make_splits
from hasher.errors import UserError


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "uint8", ">f4"])
def test_a_matrix_stays_on_disk(dtype: str, tmp_path: Path) -> None:
    matrix = np.arange(12).reshape(4, 3).astype(dtype)
    np.save(tmp_path / "m.npy", matrix)
    vectors = load_vectors(str(tmp_path / "m.npy"))
    assert isinstance(vectors.features, np.memmap) and vectors.features.dtype == dtype
    np.testing.assert_array_equal(vectors.features, matrix)
    assert list(vectors.items.rows) == [0, 1, 2, 3] and vectors.items.labels is None and vectors.items.paths is None


def test_one_vector_is_a_matrix_of_one_row(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.arange(5.0))
    assert load_vectors(str(tmp_path / "v.npy")).features.shape == (1, 5)


def test_an_npz_needs_features_only(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, features=np.ones((3, 2)))
    assert load_vectors(str(path)).items.labels is None
    np.savez(path, features=np.ones((3, 2)), labels=np.array(["cat", "", "cat"]), paths=np.array(["a", "b", "c"]))
    items = load_vectors(str(path)).items  # a single class, which no study could use
    assert list(items.classes(np.arange(3))) == ["cat", "", "cat"]
    assert items.paths is not None and list(items.paths) == ["a", "b", "c"]
    np.savez(path, features=np.ones((3, 2)), labels=[-1, -1, -1])
    assert load_vectors(str(path)).items.labels is None


def test_a_data_set_is_taken_whole_or_by_the_side_of_its_split() -> None:
    digits = load_dataset("digits")
    whole = load_vectors("digits")
    np.testing.assert_array_equal(whole.features, digits.features)
    assert whole.image_shape == (8, 8) and whole.items.origin == "digits"
    config = SplitConfig(seed=5, test_queries=40)
    split = make_splits(digits, config).final
    known_split = KnownSplit(digits.fingerprint, config)
    for part, rows in (("queries", split.queries), ("database", split.database)):
        vectors = load_vectors(f"digits:{part}", known_split=known_split)
        np.testing.assert_array_equal(vectors.items.rows, rows)
        np.testing.assert_array_equal(vectors.features, digits.features[rows])
        np.testing.assert_array_equal(vectors.items.classes(np.arange(len(rows))), digits.labels[rows].astype(str))
    with pytest.raises(UserError, match="digits:queries: the model does not say"):
        load_vectors("digits:queries")
    with pytest.raises(UserError, match=r"digits:queries: the model was tested on other data \(fingerprint abc"):
        load_vectors("digits:queries", known_split=KnownSplit("abc", config))


def test_the_same_data_by_name_and_by_path_have_one_origin(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", features=np.eye(6), labels=[0, 0, 0, 1, 1, 1])
    assert load_vectors("mine", tmp_path).items.origin == load_vectors(str(tmp_path / "mine.npz")).items.origin


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"labels": np.zeros(3, int)}, "lacks `features`, expected `features`; found: labels"),
        ({"features": np.ones(3)}, r"features have shape \(3,\)"),
        ({"features": np.ones(())}, r"features have shape \(\)"),
        ({"features": np.ones((0, 3))}, r"features have shape \(0, 3\)"),
        ({"features": np.array([["a"]])}, "features are <U1, expected real numbers"),
        ({"features": np.array([[None]])}, "pickled Python objects"),
        ({"features": np.ones((3, 2)), "labels": np.zeros(2, int)}, r"labels has shape \(2,\), expected \(3,\)"),
        ({"features": np.ones((3, 2)), "labels": np.zeros(3)}, "labels is float64"),
        ({"features": np.ones((3, 2)), "paths": np.array(["a"])}, r"paths has shape \(1,\), expected \(3,\)"),
        ({"features": np.ones((3, 2)), "paths": np.zeros(3, int)}, "paths is int64, expected strings"),
    ],
)
def test_a_bad_npz_is_one_line(arrays: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=says) as caught:
        load_vectors(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([[1 + 2j]]), "features are complex128"),
        (np.array([["a"]]), "features are <U1"),
        (np.ones((2, 2, 2)), r"features have shape \(2, 2, 2\)"),
        (np.ones(()), r"features have shape \(\)"),
        (np.ones((0, 4)), "features have shape|empty file|not a readable"),
        (np.array([{}], dtype=object), "not a readable .npy file"),
    ],
)
def test_a_bad_npy_is_one_line(array: np.ndarray, says: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(UserError, match=says) as caught:
        load_vectors(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_truncated_or_foreign_npy_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.ones((100, 10)))
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:200], whole[:60], whole[:3], b"", b"not numpy at all"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a readable") as caught:
            load_vectors(str(path))
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no such file"):
        load_vectors(str(tmp_path / "none.npy"))


def test_items_that_do_not_fit_together_are_refused() -> None:
    rows = np.arange(3)
    with pytest.raises(UserError, match=r"x: labels: expected -1 to 1"):
        Items("x", rows, np.array([0, 2, 1]), ("a", "b"))
    with pytest.raises(UserError, match=r"x: rows has shape \(1, 3\)"):
        Items("x", rows[None])
    with pytest.raises(UserError, match="x: rows is float64, expected integers"):
        Items("x", rows.astype(float))
