"""Columns of lists of labels give the matrix that scikit-learn makes of the same lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MultiLabelBinarizer

from hasher.data import load_dataset
from hasher.data.formats.label_lists import several_labels
from hasher.errors import UserError

LISTS = [["sky", "sea"], ["tree"], [], ["sea"], None, ["tree", "sky", "tree"]] * 4
EXPECTED = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1]] * 4, bool)
FEATURES = list(np.random.default_rng(0).normal(size=(len(LISTS), 3)).astype(np.float32))


@given(st.lists(st.lists(st.sampled_from(["a", "b", "cc", "é"])), min_size=1), st.integers(1, 3))
def test_strings_are_as_scikit_learn_has_them(lists: list[list[str]], chunks: int) -> None:
    parts = np.array_split(np.arange(len(lists)), chunks)
    column = pa.chunked_array([pa.array([lists[row] for row in part], pa.list_(pa.string())) for part in parts])
    found, known = several_labels(column, "x"), MultiLabelBinarizer()
    assert np.array_equal(found["labels"], known.fit_transform(lists))
    assert found["class_names"].tolist() == known.classes_.tolist()


@given(st.lists(st.lists(st.integers(2, 200)), min_size=1))
def test_numbers_are_sorted_as_numbers(lists: list[list[int]]) -> None:
    found = several_labels(pa.chunked_array([pa.array(lists, pa.large_list(pa.uint8()))]), "x")
    known = MultiLabelBinarizer()
    assert np.array_equal(found["labels"], known.fit_transform(lists))
    assert found["class_names"].tolist() == [str(each) for each in known.classes_]


@pytest.mark.parametrize("kind", [pa.list_(pa.bool_()), pa.list_(pa.int8()), pa.list_(pa.int64(), 3)])
def test_rows_of_a_matrix_stay_one(kind: pa.DataType) -> None:
    values = [[bool(each) if kind.value_type == pa.bool_() else int(each) for each in row] for row in EXPECTED]
    found = several_labels(pa.chunked_array([pa.array(values, kind)]), "x")
    assert np.array_equal(found["labels"], EXPECTED) and "class_names" not in found


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([[0.5]], "labels are lists of double, expected lists of integers or strings"),
        ([[True], [True, False]], "labels are lists of booleans, expected one a class in every row"),
        ([[4, -1]], "labels: -1 in a list, expected 0 or more, or strings"),
    ],
)
def test_other_lists_are_one_line(values: Any, says: str) -> None:
    with pytest.raises(UserError, match=f"^x: {says}$"):
        several_labels(pa.chunked_array([pa.array(values)]), "x")


def test_a_file_of_lists_is_a_data_set_of_several_labels(tmp_path: Path) -> None:
    pq.write_table(pa.table({"features": FEATURES, "labels": LISTS}), tmp_path / "mine.parquet", row_group_size=5)
    found = load_dataset(str(tmp_path / "mine.parquet"))
    assert np.array_equal(found.labels, EXPECTED) and found.class_names == ("sea", "sky", "tree")


def test_a_saved_data_set_names_the_classes_of_its_lists(tmp_path: Path) -> None:
    numbers = [[{"tree": 3, "sky": 0, "sea": 2}[name] for name in each or []] for each in LISTS]
    kinds = datasets.Features(
        {
            "features": datasets.List(datasets.Value("float32")),
            "labels": datasets.List(datasets.ClassLabel(names=["sky", "never", "sea", "tree"])),
        }
    )
    split = datasets.Dataset.from_dict({"features": FEATURES, "labels": numbers}, features=kinds)
    datasets.DatasetDict({"train": split, "unlabelled": split}).save_to_disk(tmp_path / "mine")
    found = load_dataset(str(tmp_path / "mine"))
    assert found.class_names == ("sky", "sea", "tree")
    assert np.array_equal(found.labels, np.vstack([EXPECTED[:, [1, 0, 2]], np.zeros_like(EXPECTED)]))


def test_a_saved_data_set_with_small_unsigned_labels_has_unlabelled_items(tmp_path: Path) -> None:
    kinds = datasets.Features({"features": datasets.List(datasets.Value("float32")), "labels": datasets.Value("uint8")})
    split = datasets.Dataset.from_dict({"features": FEATURES, "labels": [0, 1] * 12}, features=kinds)
    datasets.DatasetDict({"train": split, "unlabelled": split}).save_to_disk(tmp_path / "mine")
    assert load_dataset(str(tmp_path / "mine")).labels.tolist() == [0, 1] * 12 + [-1] * 24


def test_names_that_are_not_of_columns_name_nothing(tmp_path: Path) -> None:
    """A word an item in a table, and whatever a file of tensors calls so beside single labels."""
    words = [f"item {row}" for row in range(24)]
    pq.write_table(pa.table({"features": FEATURES, "label": [3, 7] * 12, "class_names": words}), tmp_path / "a.parquet")
    assert load_dataset(str(tmp_path / "a.parquet")).class_names == ("3", "7")
    held = {"features": torch.from_numpy(np.array(FEATURES)), "labels": ["a", "b"] * 12, "class_names": ["x"]}
    torch.save(held, tmp_path / "b.pt")
    assert load_dataset(str(tmp_path / "b.pt")).class_names == ("a", "b")
