"""Arrays in ``.npz`` and ``.npy`` files of whatever origin: never a pickle, and no memory that the file does not fill.

`numpy.load` believes a header: it allocates what that says, and unpacks what a few kilobytes may say are terabytes.
Here the header, the size of the file or member that it is in, and the memory that is free are compared first.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError, reason
from hasher.files import open_regular
from hasher.memory import in_words, require

#: Bytes in which an array's header must end; numpy's own are of some dozens.
_LONGEST_HEADER = 1 << 16
#: Bytes unpacked in one go.
_BLOCK = 1 << 20
#: Arrays of more bytes than the first may take no more than so many times those of their file: vectors shrink by half.
_LARGE, _MOST_TIMES = 1 << 30, 200


class UnreadableArray(ValueError):
    """Bytes that are no plain array; the message says why, in a few words."""


@dataclass(frozen=True)
class Header:
    """What an array's bytes begin with: its shape and type, and how many bytes that takes itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    length: int

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @classmethod
    def of(cls, beginning: bytes) -> Header:
        """The header in the first bytes of an ``.npy`` file. Raises `UnreadableArray`."""
        stream = io.BytesIO(beginning[:_LONGEST_HEADER])
        try:
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, is_fortran, dtype = read(stream)
        except KeyError:
            raise UnreadableArray("an array of an unknown format") from None
        except Exception as error:  # numpy raises whatever its parsers do on a damaged header
            raise UnreadableArray(f"not an array: {reason(error)}") from None
        if any(length < 0 for length in shape) or (dtype.itemsize == 0 and 0 not in shape):
            raise UnreadableArray(f"an array of shape {shape} and type {dtype}")
        return cls(shape, dtype, is_fortran, stream.tell())

    def check(self, size: int) -> None:
        """Raise `UnreadableArray` unless header and array together have `size` bytes."""
        if self.length + self.nbytes != size:
            raise UnreadableArray(
                f"{size - self.length:,} bytes, where an array of shape {self.shape} and type {self.dtype} has "
                f"{self.nbytes:,}"
            )


class ArrayArchive:
    """An open ``.npz`` file.

    Attributes:
        path: opens every message.
        keys: names of the arrays.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self._members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        self.keys = tuple(self._members)

    def read(self, key: str, expected: str = "a plain array") -> NDArray[Any]:
        """One of the arrays.

        Raises `UserError` for one that is damaged, of Python objects (`expected` says what would be right), or does not
        fit into memory.
        """
        try:
            with self._archive.open(self._members[key]) as file:
                beginning = file.read(_LONGEST_HEADER)
                header = Header.of(beginning)
                if header.dtype.hasobject:
                    raise UserError(f"{self.path}: {key} holds pickled Python objects, expected {expected}")
                header.check(self._members[key].file_size)
                self._refuse_bomb(key)
                require(header.nbytes, f"{self.path}: {key}")
                return _filled(header, beginning[header.length :], file)
        except UserError:
            raise
        except MemoryError:
            raise UserError(f"{self.path}: {key} does not fit into memory") from None
        except Exception as error:  # zipfile and zlib each raise their own on a damaged file
            raise UserError(f"{self.path}: {key} cannot be read ({reason(error)})") from None

    def _refuse_bomb(self, key: str) -> None:
        member = self._members[key]
        if member.file_size > max(_LARGE, _MOST_TIMES * member.compress_size):
            raise UserError(
                f"{self.path}: {key} unpacks to {in_words(member.file_size)}, more than {_MOST_TIMES} times what it "
                "takes in the file: no vectors shrink so far; pack it again without compression if it is yours"
            )


@contextmanager
def opened_archive(path: Path) -> Iterator[ArrayArchive]:
    """The ``.npz`` file at `path`. Raises `UserError` for what is none, and as `ArrayArchive.read` does."""
    try:
        file = open_regular(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: not a readable .npz file ({reason(error)})") from None
    with file:
        try:
            archive = zipfile.ZipFile(file)
            opened = ArrayArchive(path, archive)
        except Exception as error:
            file.seek(0)
            raise UserError(f"{path}: {_what_else(file.read(8), error)}") from None
        with archive:
            yield opened


def mapped_array(path: Path, mode: Literal["r", "c"] = "r") -> NDArray[Any]:
    """The array in an ``.npy`` file, which stays on disk: to be read, or (``c``) to be changed for this process alone.

    Raises `OSError`, and `UnreadableArray` for what is none, or not all of one.
    """
    with open_regular(path) as file:
        header = Header.of(file.read(_LONGEST_HEADER))
        if header.dtype.hasobject:
            raise UnreadableArray("it holds pickled Python objects, which are never read")
        header.check(path.stat().st_size)
        if header.nbytes == 0:
            return np.empty(header.shape, header.dtype)
        return np.memmap(file, header.dtype, mode, header.length, header.shape, "F" if header.is_fortran else "C")


def array_of(content: bytes) -> tuple[NDArray[Any], bytes]:
    """The array in the content of an ``.npy`` file, and its header. Raises `UnreadableArray` as `mapped_array`."""
    header = Header.of(content)
    if header.dtype.hasobject:
        raise UnreadableArray("it holds pickled Python objects, which are never read")
    header.check(len(content))
    array = np.ndarray(header.shape, header.dtype, content, header.length, order="F" if header.is_fortran else "C")
    return array, content[: header.length]


def _what_else(beginning: bytes, error: Exception) -> str:
    """What a file is that is no ``.npz`` file, by its first bytes."""
    if beginning.startswith(np.lib.format.MAGIC_PREFIX):
        return "holds a single array, expected an .npz file of several, as numpy.savez writes it"
    if beginning[:1] == b"\x80":
        return "not a readable .npz file (a pickle, which may hold any program and is never read)"
    return f"not a readable .npz file ({reason(error)})"


def _filled(header: Header, beginning: bytes, file: IO[bytes]) -> NDArray[Any]:
    """The array of which `beginning` has been read and `file` has the rest."""
    content = np.empty(header.nbytes, dtype=np.uint8)
    content[: len(beginning)] = np.frombuffer(beginning, dtype=np.uint8)
    place = len(beginning)
    while block := file.read(_BLOCK):  # up to the end, where the checksum is compared
        content[place : place + len(block)] = np.frombuffer(block, dtype=np.uint8)
        place += len(block)
    if place != len(content):
        raise UnreadableArray("it ends before its array does")
    if header.dtype.kind == "U" and content.size:  # Python has no such characters, and says so wherever one is met
        points = content.view(np.dtype(np.uint32).newbyteorder(header.dtype.byteorder))
        if int(points.max()) > sys.maxunicode:
            raise UnreadableArray("it holds text with characters that there are not")
    order: Literal["F", "C"] = "F" if header.is_fortran else "C"
    return np.ndarray(header.shape, header.dtype, content.data, order=order)
