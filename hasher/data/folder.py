"""A folder of embeddings, one vector a file: ``<root>/<class>/<name>.npy``."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hasher.arrays import array_of
from hasher.data.cache import cached_vectors
from hasher.data.embedding_set import EmbeddingSet
from hasher.errors import UserError
from hasher.files import read_regular

#: Files a thread reads in one go: enough to make handing out work cost nothing beside reading.
FILES_PER_TASK = 256

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class FolderListing:
    """The vectors of a folder in their fixed order: classes by name, files by name within a class.

    Attributes:
        root: the folder.
        files: path of each vector file, as strings: there may be millions.
        labels: int64 (files,), index into `class_names`.
        class_names: folders that hold at least one vector.
    """

    root: Path
    files: list[str]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]


class VectorLayout(NamedTuple):
    """How the first file stores its vector; nearly always every other file is laid out the same."""

    path: str
    header: bytes
    dtype: np.dtype[Any]
    width: int

    @property
    def length(self) -> int:
        """Of such a file, in bytes."""
        return len(self.header) + self.width * self.dtype.itemsize


def load_folder(root: Path, cache_dir: Path) -> EmbeddingSet:
    """Every vector under `root`, its class the name of its folder; named after the folder, no official split.

    Vectors may be of any real type and of shape (d,) or (1, d). Folders without a vector and files that are not
    ``.npy`` are left out with a warning; hidden files without one. What is read of a large folder is kept in
    `cache_dir` (see `hasher.data.cache`).

    Raises:
        UserError: no class folders, or a file that is unreadable, pickled, not one vector, of another width than the
            first, or not finite; the message names the file.
    """
    listing = list_vectors(root)
    return EmbeddingSet(
        name=root.resolve().name,
        features=cached_vectors(root, listing.files, cache_dir, read_vectors),
        labels=listing.labels,
        class_names=listing.class_names,
        source=str(root),
    )


def list_vectors(root: Path) -> FolderListing:
    """Find the vector files of `root` without opening them."""
    class_folders = [entry for entry in _visible_entries(root) if _leads_nowhere(entry) or entry.is_dir()]
    files: list[str] = []
    labels: list[int] = []
    names: list[str] = []
    empty: list[str] = []
    ignored: list[str] = []
    for folder in class_folders:
        entries = _visible_entries(Path(folder.path))
        vectors: list[str] = []
        for entry in entries:
            is_vector = entry.name.endswith(".npy") and (_leads_nowhere(entry) or entry.is_file())
            (vectors if is_vector else ignored).append(entry.path)
        if not vectors:
            empty.append(folder.name)
            continue
        files += vectors
        labels += [len(names)] * len(vectors)
        names.append(folder.name)
    if not files:
        raise UserError(_nothing_found(root, ignored))
    if empty:
        warnings.warn(f"{root}: {_listed(empty)} without a .npy file, left out", stacklevel=2)
    if ignored:
        warnings.warn(f"{root}: {_listed(ignored)} left out, not .npy files", stacklevel=2)
    return FolderListing(root, files, np.array(labels, dtype=np.int64), tuple(names))


def read_vectors(files: list[str]) -> NDArray[np.float32]:
    """The vectors in `files` as float32 (files, d), read by a pool of threads; d is the first file's width.

    Raises `UserError` for the first file, in the order given, that does not hold such a vector.
    """
    layout = _layout(files[0])
    features = np.empty((len(files), layout.width), dtype=np.float32)

    def read_block(start: int) -> None:
        block = files[start : start + FILES_PER_TASK]
        rows = features[start : start + len(block)]
        with np.errstate(over="ignore"):
            for place in _read_alike(block, layout, rows):
                rows[place] = _read_vector(block[place], layout)
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            path = block[int(finite.argmin())]
            raise UserError(f"{path}: holds NaN, infinity or a value too large for float32, every value must be finite")

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(read_block, range(0, len(files), FILES_PER_TASK)):
            pass
    return features


def _visible_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror})") from None


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a link that cannot be followed. It counts as what it stands for, and opening it says why."""
    try:
        return entry.is_symlink() and not Path(entry.path).exists()
    except OSError:
        return True


def _nothing_found(root: Path, ignored: list[str]) -> str:
    if any(path.lower().endswith(IMAGE_SUFFIXES) for path in ignored):
        return (
            f"{root}: holds images, not embeddings; make them with "
            f"`python -m hasher embed {root} --out data/{root.resolve().name}.npz`"
        )
    return f"{root}: holds no embeddings, expected one vector a file in {root}/<class>/<name>.npy"


def _listed(names: list[str]) -> str:
    """A count with the first names, for warnings."""
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"{len(names)} ({shown})"


def _read_alike(block: list[str], layout: VectorLayout, rows: NDArray[np.float32]) -> list[int]:
    """Fill in the rows of files laid out like the first one; returns the places of the others, in order.

    Bytes go straight into one array and are looked at together: an object a file costs more than reading it.
    """
    begin, length = len(layout.header), layout.length
    contents = np.empty((len(block), length + 1), np.uint8)  # a byte more, to see that a file ends there
    room, lengths = contents.data.cast("B"), []
    for place, path in enumerate(block):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # no pipe is waited for
            try:
                lengths.append(os.readv(handle, [room[place * (length + 1) : (place + 1) * (length + 1)]]))
            finally:
                os.close(handle)
        except OSError:
            lengths.append(-1)
    alike = np.array(lengths) == length
    alike &= (contents[:, :begin] == np.frombuffer(layout.header, np.uint8)).all(axis=1)
    values = np.ascontiguousarray(contents[:, begin:length]).view(layout.dtype)
    which = slice(None) if alike.all() else alike  # a mask makes a copy first
    rows[which] = values[which]
    return np.flatnonzero(~alike).tolist()


def _read_bytes(path: str) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _parse(content: bytes, path: str) -> tuple[NDArray[Any], bytes]:
    """The one vector (d,) in an .npy file, and the header before it."""
    try:
        array, header = array_of(content)
    except ValueError as error:
        raise UserError(f"{path}: not a readable .npy file ({error})") from None
    if array.dtype.kind not in "fiu":
        raise UserError(f"{path}: holds {array.dtype} values, expected real numbers")
    if array.size == 0 or array.size != max(array.shape, default=0):
        raise UserError(f"{path}: holds an array of shape {array.shape}, expected one vector (d,)")
    return array.reshape(-1), header


def _layout(path: str) -> VectorLayout:
    vector, header = _parse(_read_bytes(path), path)
    return VectorLayout(path, header, vector.dtype, vector.size)


def _read_vector(path: str, layout: VectorLayout) -> NDArray[Any]:
    vector, _ = _parse(_read_bytes(path), path)
    if vector.size != layout.width:
        raise UserError(f"{path}: a vector of width {vector.size}, but {layout.path} has width {layout.width}")
    return vector
