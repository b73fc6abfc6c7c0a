"""A copy of a folder's vectors in one file, so that a folder of a million files is read once.

The file lies in ``<data folder>/cache`` and may be deleted at any time. It is believed only where every vector file is
to its last detail the one it was made from, and where its own content is what was written.
"""

import hashlib
import json
import os
import re
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError
from hasher.files import open_regular, replacing

#: Fewer files are read anew each time: that takes less than a tenth of a second and leaves nothing on the disk.
SMALLEST = 1000

#: A change this soon after another may leave a file with the same times (FAT counts in steps of two seconds), so files
#: younger than this are not cached yet.
SETTLED_SECONDS = 2.0

#: Bytes hashed and written by one thread in one go.
BLOCK = 1 << 22

#: Length of a hash in hexadecimal.
DIGITS = 32

#: Files whose details one thread looks up in one go.
FILES_PER_TASK = 4096

#: Bytes of a header that is ours at most; a damaged length must not make us ask for memory.
LONGEST_HEADER = 4096

#: Keeps a number's lower 63 bits: inodes and times may have more than an int64 holds.
INT63 = (1 << 63) - 1

#: Part of the signature: another number makes every cache out of date.
VERSION = 2

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class State:
    """What can be told of a folder's files without opening them.

    Attributes:
        signature: hexadecimal hash of every file's class, name, size, times of change and inode.
        changed: when any of them last changed in any way, in seconds since the epoch.
    """

    signature: str
    changed: float


def cached_vectors(root: Path, files: list[str], cache_dir: Path, read: Callable[[list[str]], Vectors]) -> Vectors:
    """What ``read(files)`` returns (files, d): from the cache where that is up to date, otherwise read and cached.

    `files` are the vector files ``<root>/<class>/<name>``. Cached vectors are mapped from the disk rather than loaded.
    A cache that is damaged, or cannot be written, is warned about and does no harm.

    Raises:
        UserError: a file that is not there or may not be looked at; and what `read` raises.
    """
    if len(files) < SMALLEST:
        return read(files)
    path = cache_dir / _file_name(root)
    state = look_at(files)
    vectors = load(path, state.signature)
    if vectors is not None:
        return vectors
    started = time.time()
    vectors = read(files)
    if started - state.changed > SETTLED_SECONDS:  # then a file changed while it was read has another state by now
        _try_to_save(path, state.signature, vectors)
    return vectors


def look_at(files: list[str]) -> State:
    """The `State` of `files`, looked up by a pool of threads."""

    def details(start: int) -> NDArray[np.int64]:
        return np.array([_details(path) for path in files[start : start + FILES_PER_TASK]], dtype=np.int64)

    with ThreadPoolExecutor() as pool:
        table = np.concatenate(list(pool.map(details, range(0, len(files), FILES_PER_TASK))))
    places = "\0".join(chain.from_iterable(path.split(os.sep)[-2:] for path in files))  # noqa: PTH206 - as below
    digest = hashlib.blake2b(f"{VERSION} {len(files)}\0".encode(), digest_size=DIGITS // 2)
    digest.update(os.fsencode(places))
    digest.update(table.data)
    return State(digest.hexdigest(), float(table[:, 2].max()) / 1e9)


def _details(path: str) -> tuple[int, int, int, int]:
    """Size, when the content and when anything last changed (ns; nobody can set the second back), and the inode."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path object for each of a million files takes as long again
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return found.st_size & INT63, found.st_mtime_ns & INT63, found.st_ctime_ns & INT63, found.st_ino & INT63


def _file_name(root: Path) -> str:
    """One name for each folder, whatever path leads to it; begins with what a person would look for."""
    whole = root.resolve()
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", whole.name)[:60]
    return f"{readable}-{hashlib.blake2b(os.fsencode(whole), digest_size=8).hexdigest()}.safetensors"


def load(path: Path, signature: str) -> Vectors | None:
    """The vectors in the cache `path`, mapped; None where there are none of this `signature`."""
    try:
        with open_regular(path) as file:
            size = int.from_bytes(file.read(8), "little")
            if size > LONGEST_HEADER:
                raise ValueError("no header")
            header = json.loads(file.read(size))
            about, shape = header["__metadata__"], header["vectors"]["shape"]
            if about["signature"] != signature:
                return None
            vectors = np.memmap(file, np.float32, "r", offset=8 + size, shape=tuple(shape))
        if _digest(vectors) == about["digest"]:
            return vectors
        problem = "damaged (not the content that was written)"
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError, OverflowError) as error:  # of json, numpy and a header of another form
        problem = f"damaged ({next(iter(str(error).splitlines()), type(error).__name__)})"
    warnings.warn(f"{path}: {problem}, its folder is read anew", stacklevel=2)
    return None


def save(path: Path, signature: str, vectors: Vectors) -> None:
    """Write `vectors` to the cache `path`, a safetensors file, whole or not at all. Raises `OSError`."""
    layout = {"dtype": "F32", "shape": vectors.shape, "data_offsets": [0, vectors.nbytes]}

    def header(digest: str) -> bytes:
        about = {"signature": signature, "digest": digest}
        text = json.dumps({"__metadata__": about, "vectors": layout}).encode()
        text += b" " * (-(8 + len(text)) % 64)  # vectors begin at a multiple of 64 bytes
        return len(text).to_bytes(8, "little") + text

    begin = len(header("0" * DIGITS))
    with replacing(path) as file:  # safetensors' own writer would make a second copy in memory
        file.write(header(_digest(vectors, lambda block, start: _write(file.fileno(), block, begin + start))))


def _write(handle: int, block: memoryview, start: int) -> None:
    while block:
        written = os.pwrite(handle, block, start)
        block, start = block[written:], start + written


def _try_to_save(path: Path, signature: str, vectors: Vectors) -> None:
    try:
        save(path, signature, vectors)
    except OSError as error:
        warnings.warn(
            f"{path}: cannot be written ({error.strerror}), so every file of its folder will be read each time; "
            f"choose a data folder (--data-dir) with room for {vectors.nbytes / 1e6:,.0f} MB",
            stacklevel=2,
        )


def _digest(vectors: Vectors, use: Callable[[memoryview, int], None] = lambda block, start: None) -> str:
    """Hexadecimal hash of the content. A pool of threads hashes its blocks, and passes each with its start to `use`."""
    content = vectors.data.cast("B")

    def of_block(start: int) -> bytes:
        block = content[start : start + BLOCK]
        use(block, start)
        return hashlib.blake2b(block, digest_size=DIGITS // 2).digest()

    with ThreadPoolExecutor() as pool:
        blocks = pool.map(of_block, range(0, len(content), BLOCK))
        return hashlib.blake2b(b"".join(blocks), digest_size=DIGITS // 2).hexdigest()
