"""Data as people have it, through the commands they type: a correct result, or one line and nothing written."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import run_study
from hasher.__main__ import main
from hasher.data import load_dataset, make_splits
from hasher.data.splits import SplitConfig
from tests.hasher.hashing import FILTER_NAMES

ITEMS, WIDTH = 30, 6


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder, so that everything a command writes is seen."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def clusters(count=ITEMS, width=WIDTH, classes=3):
    rng = np.random.default_rng(1)
    labels = np.arange(count) % classes
    return rng.normal(size=(classes, width))[labels] * 2 + rng.normal(size=(count, width)), labels


def save(features, labels, name="mine", **more):
    np.savez(f"{name}.npz", features=features, labels=labels, **more)
    return f"{name}.npz"


def save_folder(features, labels, name="mine"):
    for number, (vector, label) in enumerate(zip(features, labels, strict=True)):
        Path(name, str(label)).mkdir(parents=True, exist_ok=True)
        np.save(Path(name, str(label), f"{number:03}.npy"), vector)
    return name


def train(source, *more):
    small = ["--bits", "4", "--ae-width", "8", "--epochs", "2", "--csv", "out/runs.csv", "--model", "out/m.safetensors"]
    return main(["train", source, *small, *more])


def score(source, *more):
    """Test mAP of a hasher trained on `source`, checked to be a number that a mAP can be."""
    assert train(source, *more) == 0
    found = pd.read_csv("out/runs.csv").iloc[-1]
    assert np.isfinite(found.loss) and abs(found.loss) < 100 and 0 <= found["map"] <= 1
    return found["map"]


def contents():
    """Everything that lies in the folder, in words."""
    return {
        path: os.lstat(path).st_mtime_ns for top, _, files in os.walk(".") for path in (f"{top}/{f}" for f in files)
    }


def refused(capsys, source):
    """What both commands say of a `source` that they refuse; they write nothing."""
    before = contents()
    said = []
    for run in (lambda: train(source), lambda: run_study.main(["--dataset", source, "--name", "study"])):
        capsys.readouterr()
        assert run() == 2
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if not line.startswith("warning: ")]
        assert len(errors) == 1 and errors[0].startswith("error: ")
        said.append(errors[0].removeprefix("error: "))
    assert contents() == before and said[0] == said[1]
    return said[0]


@contextmanager
def as_nobody():
    """Without root's right to read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i1", "u2"])
@pytest.mark.parametrize("write", [save, save_folder])
def test_any_kind_of_number_trains_as_its_float32(dtype, write):
    features, labels = clusters()
    features = np.abs(features * 10).astype(dtype)
    assert score(write(features, labels)) == score(write(features.astype("f4"), labels, name="plain"))


def test_a_folder_and_a_file_of_the_same_vectors_train_alike():
    features, labels = clusters()
    order = np.argsort(labels, kind="stable")
    assert score(save_folder(features, labels)) == score(save(features[order], labels[order]))


@pytest.mark.parametrize("names", [["a", "b", "c"], ["zèbre", "ours", "chat"], [b"x", b"y", b"z"]])
def test_labels_as_strings_train_as_numbers(names):
    features, labels = clusters()
    order = np.argsort(np.argsort(np.array(names)))  # classes are numbered in the order of their names
    assert score(save(features, np.array(names)[labels])) == score(save(features, order[labels], name="numbers"))


def test_strings_as_pandas_keeps_them_are_refused_with_the_remedy(capsys):
    features, labels = clusters()
    source = save(features, pd.Series(labels.astype(str), dtype=object).to_numpy())
    assert "mine.npz: labels holds pickled Python objects" in refused(capsys, source)
    assert "`.astype(str)` makes one" in refused(capsys, source)
    score(save(features, pd.Series(labels.astype(str), dtype=object).to_numpy().astype(str)))


@pytest.mark.parametrize(
    "bad", [np.zeros(WIDTH + 1), np.zeros(WIDTH - 1), np.zeros((2, WIDTH)), np.zeros(0), np.zeros(())]
)
def test_vectors_of_another_width_are_refused(capsys, bad):
    source = save_folder(*clusters())
    np.save("mine/1/004.npy", bad)
    assert refused(capsys, source).startswith("mine/1/004.npy: ")


def test_ragged_rows_are_refused(capsys):
    features, labels = clusters()
    ragged = np.array([row[: 3 + number % 2] for number, row in enumerate(features)], dtype=object)
    assert "features holds pickled Python objects, expected a plain array of numbers, every row of the same width" in (
        refused(capsys, save(ragged, labels))
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, 1e30])
@pytest.mark.parametrize("write", [save, save_folder])
def test_values_that_cannot_be_reckoned_with_are_refused(capsys, value, write):
    features, labels = clusters()
    features[7, 2] = value
    message = refused(capsys, write(features, labels))
    where = "mine.npz: features: row 7" if write is save else "mine/1/007.npy: holds" if value != 1e30 else "mine: "
    assert message.startswith(where)


def test_large_and_small_values_train_as_any_others():
    """The scale of the features, far from 1 as it may be, changes nothing."""
    features, labels = clusters()
    features = features.astype("f4")
    found = {score(save(features * np.float32(2.0**power), labels, name=f"scaled{power}")) for power in (0, 55, -20)}
    assert len(found) == 1


def test_empty_classes_are_left_out_and_said(capsys):
    source = save_folder(*clusters())
    expected = score(source)
    Path("mine/empty").mkdir()
    Path("mine/1/notes.txt").write_text("x")
    Path("mine/1/folder.npy").mkdir()
    capsys.readouterr()
    assert score(source) == expected
    assert capsys.readouterr().err.splitlines() == [
        "warning: mine: 1 (empty) without a .npy file, left out",
        "warning: mine: 2 (mine/1/folder.npy, mine/1/notes.txt) left out, not .npy files",
    ]


@pytest.mark.parametrize("write", [save, save_folder])
def test_a_class_of_one_item_is_searched_and_never_asked_for(write):
    features, labels = clusters()
    labels = np.where(np.arange(ITEMS) < 4, 90 + np.arange(ITEMS), labels)
    source = write(features, labels)
    score(source)
    dataset = load_dataset(source)
    alone = np.flatnonzero(dataset.class_sizes[dataset.labels] == 1)
    final = make_splits(dataset, SplitConfig()).final
    assert len(alone) == 4 and np.isin(alone, final.database).all() and not np.isin(alone, final.queries).any()


def test_only_classes_of_one_item_are_refused(capsys):
    features, _ = clusters()
    assert refused(capsys, save(features, np.arange(ITEMS))).startswith("mine.npz: labels: no class has two items")


def damage(path, how):
    content = path.read_bytes()
    path.unlink()
    if how == "dangling":
        path.symlink_to("gone.npy")
    elif how == "loop":
        path.symlink_to(path.name)
    else:
        path.write_bytes({"empty": b"", "cut": content[:-3], "header": content[:20], "garbage": os.urandom(200)}[how])


@pytest.mark.parametrize("how", ["empty", "cut", "header", "garbage", "dangling", "loop"])
@pytest.mark.parametrize("file", ["mine/0/000.npy", "mine/2/005.npy"])
def test_an_unreadable_vector_is_named(capsys, how, file):
    source = save_folder(*clusters())
    damage(Path(file), how)
    assert refused(capsys, source).startswith(f"{file}: ")


@pytest.mark.parametrize("how", ["empty", "cut", "header", "garbage"])
def test_an_unreadable_file_is_named(capsys, how):
    source = save(*clusters())
    damage(Path(source), how)
    assert refused(capsys, source).startswith("mine.npz: not a readable .npz file (")


def test_a_class_that_is_a_link_to_nowhere_is_named(capsys):
    source = save_folder(*clusters())
    Path("mine/3").symlink_to("gone")
    assert refused(capsys, source) == "mine/3: cannot be listed (No such file or directory)"


@pytest.mark.parametrize("closed", ["mine.npz", "mine", "mine/1", "mine/1/004.npy", "mine/1/link.npy"])
def test_what_may_not_be_read_is_named(capsys, monkeypatch, closed):
    with tempfile.TemporaryDirectory() as folder:  # unlike pytest's, open to everybody
        Path(folder).chmod(0o777)
        monkeypatch.chdir(folder)
        source = save(*clusters()) if closed == "mine.npz" else save_folder(*clusters())
        if closed.endswith("link.npy"):
            Path("private").mkdir()
            Path(closed).symlink_to("../../private/a.npy")
        locked = Path("private" if closed.endswith("link.npy") else closed)
        mode = locked.stat().st_mode
        locked.chmod(0)
        try:
            with as_nobody():
                message = refused(capsys, source)
        finally:
            locked.chmod(mode)
        assert message.startswith(f"{closed}: ") and "Permission denied" in message
        monkeypatch.undo()


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_fewer_items_than_a_batch_train(name):
    features, labels = clusters(count=9)
    assert score(save(features, labels), "--filter", name, "--batch-size", "256", "--knn-size", "40") > 0


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_features_that_never_change_train(name):
    features, labels = clusters()
    features[:, [0, 3]] = 0, 7.7
    score(save(features, labels), "--filter", name)


@pytest.mark.parametrize("value", [0, 3.7])
@pytest.mark.parametrize("write", [save, save_folder])
def test_items_that_are_all_alike_are_refused(capsys, value, write):
    features, labels = clusters()
    message = refused(capsys, write(np.full_like(features, value), labels))
    assert message.startswith("mine") and "features: all items are alike" in message


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_vectors_of_a_single_number_train(name):
    """Normalised, such a number is a sign, so many a mini-batch has no variance to measure the reconstruction by."""
    features, labels = clusters(width=1)
    score(save(features, labels), "--filter", name, "--batch-size", "3", "--lambda-rec", "1")


def test_duplicates_across_the_split_are_warned_about(capsys):
    features, labels = clusters()
    features[1] = features[0]
    source = save(features, labels, is_query=np.arange(ITEMS) % 5 == 0)
    score(source)
    assert capsys.readouterr().err.splitlines() == [
        "warning: mine: 1 of 6 queries have an exact duplicate among the items trained on; put duplicates into one "
        "group to keep them together"
    ]
    groups = np.where(np.arange(ITEMS) < 2, 5, -1)
    capsys.readouterr()
    score(save(features, labels, name="grouped", groups=groups))
    assert not capsys.readouterr().err


numbers = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 1e4, np.inf, np.nan]) | st.floats(-8, 8, width=16)


@st.composite
def tables(draw):
    """Small data sets, many of them with something wrong."""
    count, width = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    usual = st.floats(-8, 8, width=16)
    values = draw(st.lists(draw(st.sampled_from([usual, usual, numbers])), min_size=count, max_size=count * width))
    with np.errstate(over="ignore"):
        features = np.resize(np.array(values), (count, width)).astype(draw(st.sampled_from(["f2", "f4", "f8"])))
    labels = np.array(draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count)))
    more = {}
    if draw(st.booleans()):
        more["is_query"] = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    if draw(st.booleans()):
        more["groups"] = np.array(draw(st.lists(st.integers(-1, 4), min_size=count, max_size=count)))
    if draw(st.booleans()):
        labels = np.array(["", "cat", "dog", "emu"])[labels + 1]
    return {"features": features, "labels": labels, **more}


@given(tables(), st.sampled_from(FILTER_NAMES))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_trains_or_is_refused(capsys, table, name):
    with tempfile.TemporaryDirectory(dir=".") as folder:
        np.savez(f"{folder}/any.npz", **table)
        out = Path(folder, "out")
        small = ["--bits", "3", "--ae-width", "4", "--epochs", "1", "--batch-size", "5", "--filter", name]
        capsys.readouterr()
        code = main(["train", f"{folder}/any.npz", *small, "--csv", f"{out}/r.csv", "--model", f"{out}/m.safetensors"])
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if not line.startswith("warning: ")]
        assert all("any" in line for line in lines)
        if code == 0:
            found = pd.read_csv(out / "r.csv").iloc[0]
            known = set(table["labels"].tolist()) - {-1, ""}
            assert not errors and abs(found.loss) < 1000 and ("map" in found) == (len(known) > 1)
            assert 0 <= found.get("map", 0) <= 1
            assert sorted(path.name for path in out.iterdir()) == ["m.safetensors", "r.csv"]
        else:
            assert code == 2 and len(errors) == 1 and not out.exists()
