"""Data sets of several labels an item, made of others."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import several_labels
from benchmarks.several_labels import clipart_folders, fashion_kinds, save
from hasher.data import EmbeddingSet, load_dataset
from hasher.data.fashion_mnist import CLASS_NAMES
from hasher.errors import UserError


def names_of(data: EmbeddingSet, row: int) -> set[str]:
    return {data.class_names[column] for column in np.flatnonzero(data.labels[row])}


def test_clothes_have_a_class_and_a_kind(tmp_path: Path) -> None:
    labels = np.arange(20) % 10
    clothes = EmbeddingSet("f", np.random.default_rng(0).random((20, 6)), labels, CLASS_NAMES, np.arange(20) > 15)
    data = fashion_kinds(clothes)
    assert (data.labels.sum(axis=1) == 2).all() and len(data.class_names) == 14
    assert names_of(data, 0) == {"T-shirt/top", "tops"} and names_of(data, 9) == {"Ankle boot", "footwear"}
    save(data, tmp_path / "kinds.npz")
    stored = load_dataset(str(tmp_path / "kinds.npz"))
    assert stored.fingerprint == data.fingerprint and stored.class_names == data.class_names


def drawings(*paths: str, groups: list[int] | None = None) -> EmbeddingSet:
    features = np.random.default_rng(0).random((len(paths), 3))
    labels = np.arange(len(paths)) % 2
    given = None if groups is None else np.array(groups)
    return EmbeddingSet("o", features, labels, ("x", "y"), groups=given, paths=np.array(paths), source="o.npz")


def test_a_drawing_has_the_folders_of_all_its_copies() -> None:
    data = drawings(
        "/png/food/fruit/apple.png", "/png/plants/apple.png", "/png/food/fruit/pear.png", "/png/buttons/apple.png",
        "/png/plants/trees/oak.png", "/png/buttons/red.png", "/png/food/soup.png",
        groups=[3, 3, -1, 3, -1, -1, -1],
    )  # fmt: skip
    found = clipart_folders(data, ["buttons"], 2)
    assert found.paths is not None and len(found) == 4
    assert [names_of(found, row) for row in range(4)] == [
        {"food", "food/fruit", "plants"}, {"food", "food/fruit"}, {"plants"}, {"food"},
    ]  # fmt: skip
    assert found.paths[0] == "/png/food/fruit/apple.png"
    np.testing.assert_array_equal(found.features, data.features[[0, 2, 4, 6]])


def test_what_cannot_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"o\.npz: no drawing is left"):
        clipart_folders(drawings("/png/a/1.png", "/png/b/2.png", "/png/a/3.png"), ["a", "b"], 1)
    monkeypatch.setattr("sys.argv", ["several_labels", "clipart", "--data-dir", str(tmp_path)])
    with pytest.raises(SystemExit, match="error: openclipart: no data set of this name"):
        several_labels.main()
