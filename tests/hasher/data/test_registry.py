"""From names and paths to data sets."""

import numpy as np
import pytest
import sklearn.datasets

from hasher.data import load_dataset
from hasher.data.formats.table import READERS
from hasher.errors import UserError

ARRAYS = {"features": np.arange(12).reshape(6, 2), "labels": np.arange(6) // 2}


def refused(source, data_dir=None):
    with pytest.raises(UserError) as caught:
        load_dataset(source, data_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digits_are_scikit_learns():
    data, reference = load_dataset("digits"), sklearn.datasets.load_digits()
    assert np.array_equal(data.features, reference.data) and np.array_equal(data.labels, reference.target)
    assert data.image_shape == (8, 8) and data.class_names == tuple("0123456789")


@pytest.mark.parametrize("place", ["", "embeddings"])
def test_a_name_is_an_embedding_file_of_the_data_folder(tmp_path, place, monkeypatch):
    (tmp_path / "data" / place).mkdir(parents=True)
    np.savez(tmp_path / "data" / place / "stl10.npz", **ARRAYS)
    assert load_dataset("stl10", tmp_path / "data").name == "stl10"
    monkeypatch.chdir(tmp_path)
    assert load_dataset("stl10").source == str(tmp_path.joinpath("data", place, "stl10.npz").relative_to(tmp_path))


def test_paths_are_taken_as_they_are(tmp_path, monkeypatch):
    np.savez(tmp_path / "toys.npz", **ARRAYS)
    for name in ("a", "b"):
        (tmp_path / "vectors" / name).mkdir(parents=True)
        for item in range(2):
            np.save(tmp_path / "vectors" / name / f"{item}.npy", np.arange(3) + item)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in ("toys.npz", "./toys.npz", str(tmp_path / "toys.npz"), "~/toys.npz"):
        assert load_dataset(source).name == "toys"
    for source in ("vectors", "vectors/", "~/vectors", "../" + tmp_path.name + "/vectors"):
        assert load_dataset(source).name == "vectors"


def test_built_in_names_come_before_anything_on_disk(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load_dataset("digits")) == 1797
    assert "holds no embeddings" in refused("./digits")


def test_a_missing_paper_data_set_names_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("stl10", "stanford_cars", "tiny_imagenet"):
        command = f"`python -m hasher embed {name} --out data/{name}.npz`"
        assert refused(name) == f"{name}: data/{name}.npz does not exist; make it with {command}"
    assert "--out elsewhere/stl10.npz" in refused("stl10", tmp_path.joinpath("elsewhere").relative_to(tmp_path))


def test_an_unknown_name_says_what_there_is(tmp_path):
    data_dir = tmp_path / "data"
    built_in = "digits, fashion_mnist, mirflickr25k, mirflickr25k_r1, gaussian:CLASSES"
    assert f"built in: {built_in}; embedding files in {data_dir}: none" in refused("digit", data_dir)
    (data_dir / "embeddings").mkdir(parents=True)
    for path in (data_dir / "cars.npz", data_dir / "embeddings" / "birds.npz"):
        np.savez(path, **ARRAYS)
    assert f"embedding files in {data_dir}: cars, birds" in refused("bird", data_dir)


def test_what_is_no_data_set_is_refused(tmp_path):
    path = tmp_path / "table.xlsx"
    path.write_text("x")
    assert refused(str(path)).startswith(f"{path}: no kind of data that is read, expected a folder or a name that ends")
    assert all(suffix in refused(str(path)) for suffix in READERS)
    assert refused("missing.npz") == "missing.npz: no such file or folder"
    assert refused("no/such/folder") == "no/such/folder: no such file or folder"
    for source in ("", "a" * 5000, "a\0b", "x/" + "a" * 5000):
        refused(source)
