"""Folders of images: which files, which class, which split; and which of them are embedded."""

import os
from pathlib import Path

import numpy as np
import pytest

from hasher.data.split_roles import Role, default_roles
from hasher.errors import UserError
from hasher.images.folder import open_folder
from hasher.images.sources import select


def folder_of(root, *files):
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def found(source):
    """Every image's path from the root with its class and whether it is a query."""
    names = [*source.class_names, ""]
    queries = np.zeros(len(source), bool) if source.is_query is None else source.is_query
    return [
        (os.path.relpath(source.path(row), source.root), names[label], bool(query))
        for row, (label, query) in enumerate(zip(source.labels, queries, strict=True))
    ]


def test_the_class_is_the_first_folder_at_any_depth(tmp_path):
    folder_of(tmp_path, "b/2.png", "b/10.JPG", "a/deep/er/x.webp", "a/y.gif", "a/deep/z.tiff")
    source = open_folder(tmp_path, {})
    assert found(source) == [
        ("a/y.gif", "a", False), ("a/deep/z.tiff", "a", False), ("a/deep/er/x.webp", "a", False),
        ("b/10.JPG", "b", False), ("b/2.png", "b", False),
    ]  # fmt: skip
    assert source.is_query is None and source.notes == () and source.read(0) == b"a/y.gif"


def test_what_is_left_out_is_said(tmp_path):
    folder_of(tmp_path, "a/1.png", "b/1.png", "b/about.txt", "b/x.svg", "b/.hidden.png", ".git/x/1.png", "top.jpg")
    (tmp_path / "empty").mkdir()
    source = open_folder(tmp_path, {})
    assert [path for path, _, _ in found(source)] == ["a/1.png", "b/1.png"]
    assert source.notes == (
        f"1 images in no class folder left out: {tmp_path / 'top.jpg'}",
        "1 folders without an image left out: empty",
        "2 other files left out: 1 .txt, 1 .svg",
    )


def test_links_are_followed_and_loops_end(tmp_path):
    folder_of(tmp_path, "a/1.png", "b/1.png", "elsewhere/x/2.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "2.png").symlink_to(tmp_path / "a" / "1.png")
    (tmp_path / "c").symlink_to(tmp_path / "elsewhere" / "x")
    assert [path for path, _, _ in found(open_folder(tmp_path, {}))] == [
        "a/1.png", "b/1.png", "b/2.png", "c/2.png", "elsewhere/x/2.png",
    ]  # fmt: skip


def test_folders_named_as_splits_are_splits(tmp_path):
    folder_of(tmp_path, "train/a/1.png", "train/b/1.png", "Test/a/sub/2.png", "Test/b/2.png", "val/c/4.png")
    source = open_folder(tmp_path, {})
    assert set(found(source)) == {
        ("train/a/1.png", "a", False), ("train/b/1.png", "b", False),
        ("Test/a/sub/2.png", "a", True), ("Test/b/2.png", "b", True), ("val/c/4.png", "c", False),
    }  # fmt: skip


def test_unlabelled_images_have_no_class_at_any_depth(tmp_path):
    folder_of(tmp_path, "train/a/1.png", "train/b/1.png", "unlabelled/x/3.png", "unlabelled/4.png")
    assert found(open_folder(tmp_path, {}))[-2:] == [
        ("unlabelled/4.png", "", False), ("unlabelled/x/3.png", "", False),
    ]  # fmt: skip
    left = open_folder(tmp_path, {"unlabelled": Role.LEFT_OUT})
    assert len(left) == 2
    with pytest.raises(UserError, match="no split 'extra'; found: train, unlabelled"):
        open_folder(tmp_path, {"extra": Role.QUERIES})


def test_one_folder_named_train_is_a_class(tmp_path):
    source = open_folder(folder_of(tmp_path, "train/1.png", "bus/1.png"), {})
    assert source.class_names == ("bus", "train") and source.is_query is None


def test_the_roles_that_names_stand_for():
    assert default_roles(["train", "valid"]) == {"train": "database", "valid": "queries"}
    assert default_roles(["train", "validation", "test"]) == {
        "train": "database", "validation": "database", "test": "queries",
    }  # fmt: skip
    assert default_roles(["train", "Unlabeled", "extra"])["Unlabeled"] == "unlabelled"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([], "holds no images"),
        (["a/readme.txt"], "holds no images"),
    ],
)
def test_no_images_is_one_clear_line(tmp_path, files, problem):
    with pytest.raises(UserError) as caught:
        open_folder(folder_of(tmp_path, *files), {})
    assert str(caught.value) == f"{tmp_path}: {problem}, expected {tmp_path}/<class>/<image> or {tmp_path}/<image>"


def test_a_stamp_changes_with_the_file(tmp_path):
    source = open_folder(folder_of(tmp_path, "a/1.png", "b/1.png"), {})
    stamps = {source.stamp(0), source.stamp(1)}
    Path(source.path(0)).write_bytes(b"something else")
    stamps.add(source.stamp(0))
    Path(source.path(0)).unlink()
    stamps.add(source.stamp(0))
    assert len(stamps) == 4


def test_select_takes_classes_and_thins_evenly(tmp_path):
    names = [f"{name}/{number:02d}.png" for name, size in (("a", 30), ("b", 20), ("c", 10)) for number in range(size)]
    source = open_folder(folder_of(tmp_path, *names), {})
    assert select(source, [], None).tolist() == list(range(60))
    assert select(source, ["c", "b"], None).tolist() == list(range(30, 60))
    assert np.bincount(source.labels[select(source, [], 12)]).tolist() == [6, 4, 2]
    assert select(source, [], 600).tolist() == list(range(60))


def test_select_refuses_a_class_that_is_not_there(tmp_path):
    source = open_folder(folder_of(tmp_path, "a/1.png", "b/1.png"), {})
    with pytest.raises(UserError, match="no class 'z'; found: a, b"):
        select(source, ["z"], None)
    assert select(source, ["a"], None).tolist() == [0]


def test_images_in_the_root_itself_have_no_class(tmp_path):
    source = open_folder(folder_of(tmp_path, "y.png", "x.JPG", "note.txt", ".hidden.png"), {})
    assert found(source) == [("x.JPG", "", False), ("y.png", "", False)]
    assert source.class_names == () and source.is_query is None and source.notes == ()
