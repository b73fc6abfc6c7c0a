"""Data sets of the datasets library: columns, labels and splits, from disk and (as if) from the hub."""

import io

import datasets
import huggingface_hub
import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pillow

from hasher.data.formats.huggingface import is_saved
from hasher.data.registry import EMBEDDABLE
from hasher.data.split_roles import Role
from hasher.errors import UserError
from hasher.images.hub import PAPER_DATASETS, Columns, HubDataset, open_hub, open_saved


def png(value):
    stream = io.BytesIO()
    Pillow.new("RGB", (4, 4), (value, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def part(labels, first=0, kind=None, column="label", image="image"):
    """A split whose images are of one red each: `first`, `first` + 1, …"""
    features = Features({image: Image(), column: kind or ClassLabel(names=["cat", "dog", "eel"])})
    images = [{"bytes": png(first + i), "path": None} for i in range(len(labels))]
    return Dataset.from_dict({image: images, column: labels}, features=features)


def classes(source):
    return [[*source.class_names, ""][label] for label in source.labels]


def red(source, row):
    return Pillow.open(io.BytesIO(source.read(row))).getpixel((0, 0))[0]


@pytest.fixture
def saved(tmp_path):
    splits = {"train": part([1, 0, 1]), "test": part([0, 2], 10), "unlabeled": part([0, 0, 0], 20)}
    DatasetDict(splits).save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def test_splits_become_roles(saved):
    assert is_saved(saved) and not is_saved(saved.parent)
    source = open_saved(saved, Columns(), {})
    assert classes(source) == ["dog", "cat", "dog", "cat", "eel", "", "", ""]
    assert source.is_query.tolist() == [False] * 3 + [True] * 2 + [False] * 3
    assert [red(source, row) for row in range(8)] == [0, 1, 2, 10, 11, 20, 21, 22]
    assert [source.path(row) for row in (0, 4, 7)] == ["train/0", "test/1", "unlabeled/2"]
    assert len({source.stamp(row) for row in range(8)}) == 8
    assert source.about["splits"] == {"train": "database", "test": "queries", "unlabeled": "unlabelled"}


def test_the_user_may_change_the_roles(saved):
    source = open_saved(saved, Columns(), {"unlabeled": Role.LEFT_OUT, "test": Role.DATABASE})
    assert classes(source) == ["dog", "cat", "dog", "cat", "eel"] and source.is_query is None
    with pytest.raises(UserError, match="no split 'valid'; found: train, test, unlabeled"):
        open_saved(saved, Columns(), {"valid": Role.QUERIES})


def test_a_data_set_without_splits(tmp_path):
    part([0, 1, 1, -1]).save_to_disk(tmp_path / "one")
    source = open_saved(tmp_path / "one", Columns(), {})
    assert classes(source) == ["cat", "dog", "dog", ""] and source.is_query is None and red(source, 2) == 2


@pytest.mark.parametrize(
    ("kind", "labels", "expected"),
    [
        (Value("string"), ["x", "", "y", None], ["x", "", "y", ""]),
        (Value("int64"), [7, -1, 10, None], ["7", "", "10", ""]),
        (ClassLabel(names=["p", "q"]), [1, -1, 0, None], ["q", "", "p", ""]),
    ],
)
def test_labels_of_every_kind(tmp_path, kind, labels, expected):
    part(labels, kind=kind).save_to_disk(tmp_path / "one")
    assert classes(open_saved(tmp_path / "one", Columns(), {})) == expected


def test_a_test_split_without_labels_is_left_out_with_a_note(tmp_path):
    splits = {"train": part([0, 1]), "valid": part([1, 0], 5), "test": part([-1, -1], 9)}
    DatasetDict(splits).save_to_disk(tmp_path / "saved")
    source = open_saved(tmp_path / "saved", Columns(), {})
    assert source.is_query.tolist() == [False, False, True, True]
    assert source.notes == ("split 'test' left out, it has no labels",)
    with pytest.raises(UserError, match=r"split 'test': 2 of 2 images have no label.*--split test=none"):
        open_saved(tmp_path / "saved", Columns(), {"test": Role.QUERIES})


def test_columns_are_found_or_asked_for(tmp_path):
    rows = part([0, 1], image="img", column="fine_label").add_column("coarse", [1, 1])
    rows.save_to_disk(tmp_path / "one")
    assert classes(open_saved(tmp_path / "one", Columns(), {})) == ["cat", "dog"]
    assert classes(open_saved(tmp_path / "one", Columns(label="coarse"), {})) == ["1", "1"]
    for columns, problem in [
        (Columns(image="coarse"), "column 'coarse' is not of images; name one with --image-column out of: img"),
        (Columns(label="img"), "column 'img' is not of labels"),
        (Columns(label="none"), "column 'none' is not of labels"),
    ]:
        with pytest.raises(UserError, match=problem):
            open_saved(tmp_path / "one", columns, {})
    Dataset.from_dict({"text": ["a"], "label": [1]}).save_to_disk(tmp_path / "text")
    with pytest.raises(UserError, match="0 columns of images; name one with --image-column out of: text, label"):
        open_saved(tmp_path / "text", Columns(), {})


def test_a_damaged_folder_is_one_line(saved):
    (saved / "train" / "state.json").write_text("{")
    with pytest.raises(UserError, match="not a data set that the datasets library can load") as caught:
        open_saved(saved, Columns(), {})
    assert "\n" not in str(caught.value)


def test_the_papers_data_sets_are_those_the_registry_promises():
    assert tuple(PAPER_DATASETS) == EMBEDDABLE


def test_stl10_comes_with_its_splits_and_keeps_the_unlabelled_out_of_the_database(monkeypatch):
    asked = []

    def load_dataset(name, config, revision):
        asked.append((name, config, revision))
        loaded = DatasetDict({"train": part([1, 0]), "test": part([0, 2], 10), "unlabeled": part([0, 0], 20)})
        loaded["train"].info.download_checksums = {f"hf://datasets/{name}@{'c' * 40}/data/train.parquet": {}}
        return loaded

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    source = open_hub(PAPER_DATASETS["stl10"], Columns(), {})
    assert asked == [("jxie/stl10", None, None)]
    assert classes(source) == ["dog", "cat", "cat", "eel", "", ""]
    assert source.is_query.tolist() == [False, False, True, True, False, False]
    assert source.about["revision"] == "c" * 40


def test_tiny_imagenets_validation_split_is_its_test_split(monkeypatch):
    loaded = DatasetDict({"train": part([1, 0]), "valid": part([0, 1], 10)})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: loaded)
    source = open_hub(PAPER_DATASETS["tiny_imagenet"], Columns(), {})
    assert source.is_query.tolist() == [False, False, True, True]
    assert source.about["revision"] == PAPER_DATASETS["tiny_imagenet"].revision


def test_no_network_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    for wanted in (PAPER_DATASETS["stl10"], HubDataset("some/thing")):
        with pytest.raises(
            UserError, match=f"^{wanted.id}: .*cannot be reached .*connect to the internet, or name a folder"
        ) as caught:
            open_hub(wanted, Columns(), {})
        assert "\n" not in str(caught.value)


def test_a_row_without_an_image_cannot_be_read(tmp_path):
    features = Features({"image": Image(), "label": Value("string")})
    rows = Dataset.from_dict({"image": [None, {"bytes": png(3), "path": None}], "label": ["a", "b"]}, features=features)
    rows.save_to_disk(tmp_path / "one")
    source = open_saved(tmp_path / "one", Columns(), {})
    with pytest.raises(OSError, match="no image in this row"):
        source.read(0)
    assert np.array_equal(source.labels, [0, 1])
