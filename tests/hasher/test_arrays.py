"""Arrays are what numpy reads, and nothing is unpacked that its file does not hold."""

from __future__ import annotations

import io
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from hasher.arrays import UnreadableArray, array_of, mapped_array, opened_archive
from hasher.errors import UserError


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def claiming(shape: tuple[int, ...], descr: str = "<f4", content: bytes = b"") -> bytes:
    """An ``.npy`` file whose header says what it likes."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def archive(path: Path, compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def refusal(path: Path, key: str = "features") -> str:
    with pytest.raises(UserError) as caught, opened_archive(path) as opened:
        opened.read(key)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


kinds = st.sampled_from(["f2", "f4", ">f8", "i1", "u2", "?", "c8", "U3", "S2", "M8[s]"])


@given(kinds.flatmap(lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=5))),
       st.booleans(), st.booleans())  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_they_are_what_numpy_reads(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, fortran: bool, compressed: bool
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    array = np.asfortranarray(array) if fortran else array
    (np.savez_compressed if compressed else np.savez)(folder / "a.npz", features=array, other=np.arange(3))
    np.save(folder / "a.npy", array)
    with opened_archive(folder / "a.npz") as opened:
        assert opened.keys == ("features", "other")
        found = [opened.read("features"), mapped_array(folder / "a.npy"), array_of(npy(array))[0]]
    for one in found:
        assert one.dtype == array.dtype and one.shape == array.shape
        np.testing.assert_array_equal(one, array)


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (3,), (2**40, 2**40), (-1, -100), (0, 7)])
def test_a_header_that_its_member_does_not_hold_is_refused_before_memory_is_given_to_it(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = archive(tmp_path / "bomb.npz", features=claiming(shape, content=bytes(400)))
    tracemalloc.start()
    assert "features cannot be read (" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()
    (tmp_path / "bomb.npy").write_bytes(claiming(shape, content=bytes(400)))
    with pytest.raises(UnreadableArray):
        mapped_array(tmp_path / "bomb.npy")


def test_a_bomb_that_is_as_large_as_it_says_is_refused_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "bomb.npz", features=claiming((10**6,), content=bytes(4 * 10**6)))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr("hasher.arrays._LARGE", 10**6)
    assert "features unpacks to 4.0 MB, more than 200 times what it takes in the file" in refusal(path)
    monkeypatch.setattr("hasher.arrays._LARGE", 10**7)
    monkeypatch.setattr("hasher.memory._free", lambda: iter([10**6]))
    assert refusal(path) == "features: 4.0 MB do not fit into memory, of which 1.0 MB are free"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps({"a": 1}), "a pickle, which may hold any program and is never read"),
        (npy(np.ones(3)), "holds a single array, expected an .npz file of several"),
        (b"", "not a readable .npz file ("),
        (b"PK\x03\x04 no", "not a readable .npz file ("),
    ],
)
def test_what_is_no_archive_is_named_and_never_advised_to_be_loaded(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    said = refusal(path)
    assert says in said and "allow_pickle" not in said and "unsafe" not in said


@pytest.mark.parametrize(
    "content",
    [
        npy(np.ones(30))[:-8], npy(np.ones(30)) + b"more", b"text", b"\x93NUMPY\x09\x00", claiming((3,), "|V0"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_member_is_named(content: bytes, tmp_path: Path) -> None:
    assert refusal(archive(tmp_path / "a.npz", features=content)).startswith("features cannot be read (")


def test_objects_are_refused_whatever_else_is_wrong(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=np.array([{}], dtype=object))
    assert refusal(tmp_path / "a.npz") == "features holds pickled Python objects, expected a plain array"


def flip(content: bytes) -> bytes:
    return content[:-200] + bytes([content[-200] ^ 1]) + content[-199:]


@pytest.mark.parametrize("spoil", [flip, lambda content: content.replace(b"\x14\x00", b"\x15\x03", 1)])
def test_a_checksum_counts(spoil: Callable[[bytes], Any], tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", zipfile.ZIP_STORED, features=npy(np.arange(3000.0)))
    content = path.read_bytes()
    if spoil is flip:
        path.write_bytes(spoil(content))
        assert refusal(path).startswith("features cannot be read (Bad CRC-32")
    else:
        path.write_bytes(spoil(content))
        with opened_archive(path) as opened:
            assert len(opened.read("features")) == 3000
