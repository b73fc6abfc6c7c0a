"""Images by their paths: which words mean them, and which files they are."""

import io
from pathlib import Path

import numpy as np
import pytest

from hasher.errors import UserError
from hasher.images.files import are_files, are_images, open_files

FILES = ("a/1.png", "a/deep/2.JPG", "a/notes.txt", "b/3.webp", "odd [1].png", ".hidden.png")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "vectors" / "x").mkdir(parents=True)
    np.save(tmp_path / "vectors" / "x" / "1.npy", np.ones(3))
    (tmp_path / "vectors" / "x" / "picture.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a/1.png"], ["a/1.png"]),
        (["b/3.webp", "a/1.png", "b/3.webp"], ["b/3.webp", "a/1.png", "b/3.webp"]),
        (["*/*"], ["a/1.png", "b/3.webp"]),
        (["**/*.[jJ][pP][gG]"], ["a/deep/2.JPG"]),
        (["**"], ["a/1.png", "a/deep/2.JPG", "b/3.webp", "odd [1].png", "vectors/x/picture.png"]),
        (["odd [1].png"], ["odd [1].png"]),  # a name before it is a pattern
        (["-", "a/1.png"], ["b/3.webp", "not there.png", "a/1.png"]),
    ],
)
def test_the_files_that_are_meant(
    here: Path, words: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("b/3.webp\nnot there.png\n\n"))
    assert are_files(words) and are_images(words)
    source = open_files(words)
    assert [source.path(row) for row in range(len(source))] == expected
    assert source.labels.tolist() == [-1] * len(expected) and source.class_names == () and source.is_query is None
    assert source.read(0) == expected[0].encode()
    assert source.stamp(0).startswith(f"{expected[0]}: ")


@pytest.mark.parametrize(
    ("words", "files", "images"),
    [
        (["a"], False, True),
        (["."], False, False),  # vectors are among the first files
        (["vectors"], False, False),
        (["digits"], False, False),
        (["vectors/x/1.npy"], False, False),
        (["none.png"], True, True),
        (["a", "b"], True, True),
    ],
)
def test_which_words_mean_images(here: Path, words: list[str], files: bool, images: bool) -> None:
    assert are_files(words) is files and are_images(words) is images


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a/1.png", "none.png"], "none.png: no such file"),
        (["a", "b"], "a: a folder among several sources; name it alone, or the images in it by a/*"),
        (["*.gif"], "*.gif: finds no images"),
        (["-"], "standard input: no paths of images, expected one a line"),
    ],
)
def test_what_is_not_there_is_one_line(
    here: Path, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(UserError) as caught:
        open_files(words)
    assert str(caught.value) == says
