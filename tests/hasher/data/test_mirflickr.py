"""MIRFlickr-25k as people have it on their disks, in small: annotation files and embeddings made here."""

import numpy as np
import pytest

from hasher.data import load_dataset, make_splits
from hasher.errors import UserError
from study.plan.space_file import SHIPPED, read_spec

#: Images by label: numbers from 1, as in the archive; 7 has no label, 99 no embedding.
POTENTIAL = {"animals": [1, 2, 3], "baby": [2, 4, 5], "sky": [5, 6, 1, 99]}
RELEVANT = {"baby": [2, 4]}


@pytest.fixture
def folder(tmp_path):
    """Of seven images, embedded in another order than their numbers'."""
    place = tmp_path / "mirflickr25k"
    (place / "annotations").mkdir(parents=True)
    for ending, lists in (("", POTENTIAL), ("_r1", RELEVANT)):
        for label, numbers in lists.items():
            text = "".join(f"{number}\r\n" for number in numbers)
            (place / "annotations" / f"{label}{ending}.txt").write_bytes(text.encode())
    (place / "annotations" / "README.txt").write_text("Not a list of images.")
    order = [3, 1, 7, 2, 6, 5, 4]
    paths = np.array([f"mirflickr/im{number}.jpg" for number in order])
    np.savez(place / "features.npz", features=np.outer(order, [1.0, -1.0]), paths=paths, labels=np.full(7, ""))
    return place


def test_labels_are_those_of_the_annotations(folder):
    data = load_dataset("mirflickr25k", folder.parent)
    assert data.class_names == ("animals", "baby", "sky") and data.name == "mirflickr25k"
    by_number = {int(row[0]): labels for row, labels in zip(data.features, data.labels, strict=True)}
    for number in range(1, 8):
        expected = [number in POTENTIAL[label] for label in data.class_names]
        assert by_number[number].tolist() == expected
    assert data.is_labelled.sum() == 6
    assert data.paths[0] == "mirflickr/im3.jpg"


def test_relevant_labels_are_another_data_set(folder):
    (folder / "annotations" / "sky_r1.txt").write_text("5\n6\n")
    data = load_dataset("mirflickr25k_r1", folder.parent)
    assert data.class_names == ("baby", "sky")
    assert sorted(data.features[data.labels[:, 0], 0]) == [2, 4]
    assert sorted(data.features[data.labels[:, 1], 0]) == [5, 6]


def test_the_published_protocol(tmp_path):
    """2,000 queries, all others searched, 5,000 of these trained on: with stand-ins for the embeddings and labels."""
    rng = np.random.default_rng(0)
    place = tmp_path / "mirflickr25k"
    (place / "annotations").mkdir(parents=True)
    for label in range(24):
        numbers = rng.choice(25_000, 2000, replace=False) + 1
        (place / "annotations" / f"label{label}.txt").write_text("\n".join(map(str, numbers)))
    paths = np.array([f"im{number + 1}.jpg" for number in range(25_000)])
    np.savez(place / "features.npz", features=rng.normal(size=(25_000, 4)).astype(np.float32), paths=paths)
    spec = read_spec(SHIPPED / "mirflickr25k.yaml")
    (wanted,) = spec.datasets
    assert (spec.k, spec.objective) == (5000, "map_at_k")
    data = load_dataset(wanted.source, tmp_path)
    splits = make_splits(data, wanted.split_config(0))
    labelled = int(data.is_labelled.sum())
    final = splits.final
    assert (len(final.queries), len(final.database)) == (2000, labelled - 2000)
    assert data.is_labelled[final.train].sum() == data.is_labelled[splits.search.train].sum() == 5000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda place: (place / "features.npz").unlink(), r"features\.npz: no such file"),
        (
            lambda place: np.savez(place / "features.npz", features=np.eye(3)),
            r"features\.npz: lacks `paths`, expected `features` and `paths`",
        ),
        (
            lambda place: np.savez(place / "features.npz", features=np.eye(2), paths=["im1.jpg", "photo.jpg"]),
            "paths: photo.jpg in row 1, expected names of images as im1.jpg",
        ),
        (
            lambda place: np.savez(place / "features.npz", features=np.eye(2), paths=["im1.jpg", "b/im1.png"]),
            "paths: im1 is there twice",
        ),
        (
            lambda place: (place / "annotations" / "sky.txt").write_text("one\n"),
            r"sky\.txt: not a list of images, expected a whole number in each line",
        ),
        (
            lambda place: [path.unlink() for path in (place / "annotations").glob("*.txt")],
            r"annotations: holds no labels, expected the text files of MIRFlickr's annotations \(baby\.txt, …\)",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(folder, change, message):
    change(folder)
    with pytest.raises(UserError, match=message):
        load_dataset("mirflickr25k", folder.parent)
