"""Files appear whole or not at all, on a full disk as well; and nothing else than a file is opened."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hasher.files import open_regular, read_regular, write_atomically


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to make a file larger, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_what_was_there_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomically(path, "before")
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large") as caught:
        write_atomically(path, "x" * 5000)
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(path)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("there", "code"),
    [("file/table.csv", errno.ENOTDIR), ("x" * 256, errno.ENAMETOOLONG), ("folder", errno.EISDIR)],
)
def test_a_place_that_takes_no_file_is_named(there: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / there, "x")
    assert caught.value.errno in (code, errno.EEXIST)
    assert Path(caught.value.filename) in (tmp_path / there, (tmp_path / there).parent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), "whole")
    assert (tmp_path / ("x" * 255)).read_text() == "whole"


@pytest.mark.parametrize("kind", ["a named pipe", "a socket", "a device", "a folder"])
def test_what_is_no_file_is_not_waited_for(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path("odd.npz")
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "a named pipe":
            os.mkfifo(path)
        elif kind == "a socket":
            listening.bind(str(path))
        elif kind == "a device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
        with pytest.raises(OSError) as caught:
            open_regular(path)
    expected = "No such device or address" if kind == "a socket" else f"{kind}, expected a file"
    assert caught.value.strerror == expected and caught.value.filename in (path, str(path))


def test_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "link") == read_regular(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger than the 4 bytes"):
        read_regular(tmp_path / "a", 4)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "b")
