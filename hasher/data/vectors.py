"""Vectors to encode: all that `load_dataset` takes, and what no study could use, such as vectors without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.arrays import mapped_array, reason
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.npz import decode_strings, index_labels, read_arrays
from hasher.data.registry import load_dataset
from hasher.data.splits import SplitConfig, make_splits
from hasher.errors import UserError
from hasher.labels import Labels, check_multi_hot, is_labelled, item_classes, names_of

#: Ends of a source that take one side of the split a model was tested on: ``digits:queries``.
PARTS = ("database", "queries")

_EXPECTED = {"iu": "integers", "i": "integers", "U": "strings"}


@dataclass(frozen=True, eq=False)
class Items:
    """What is known of n items besides their vectors or codes.

    Attributes:
        origin: where they come from; rows of the same origin and number are the same item.
        rows: int64 (n,), the number of each in its origin, from 0.
        labels: int64 (n,), index into `class_names`, -1 unlabelled, or bool (n, classes), several an item; None where
            nothing is known of classes.
        class_names: one name a class.
        paths: str (n,), the image each item was made from, where that is known.

    Raises:
        UserError: rows, labels or paths that are of another type, not one an item, or labels that are no class.
    """

    origin: str
    rows: NDArray[np.int64]
    labels: Labels | None = None
    class_names: tuple[str, ...] = ()
    paths: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        numbers = self.labels if self.labels is not None and self.labels.ndim != 2 else None
        for field, kinds, values in (
            ("rows", "iu", self.rows),
            ("labels", "i", numbers),
            ("paths", "U", self.paths),
        ):
            if values is None:
                continue
            if values.shape != (self.rows.size,):
                raise UserError(
                    f"{self.origin}: {field} has shape {values.shape}, expected ({self.rows.size},): one value an item"
                )
            if values.dtype.kind not in kinds:
                raise UserError(f"{self.origin}: {field} is {values.dtype}, expected {_EXPECTED[kinds]}")
        if numbers is not None and not ((numbers >= -1) & (numbers < len(self.class_names))).all():
            raise UserError(f"{self.origin}: labels: expected -1 to {len(self.class_names) - 1}, one number a class")
        if self.labels is not None and numbers is None:
            check_multi_hot(self.labels, (len(self), len(self.class_names)), self.origin)

    def __len__(self) -> int:
        """Number of items (n)."""
        return len(self.rows)

    def take(self, which: NDArray[np.int64]) -> Items:
        """The items at the places `which`."""
        return replace(
            self,
            rows=self.rows[which],
            labels=None if self.labels is None else self.labels[which],
            paths=None if self.paths is None else self.paths[which],
        )

    def classes(self, which: NDArray[np.int64]) -> NDArray[np.str_]:
        """Class names of the items at the places `which`, of the same shape; "" for an unlabelled one.

        Several of an item are one text.
        """
        if self.labels is None:
            return np.full(which.shape, "")
        return names_of(self.labels[which.ravel()], self.class_names).reshape(which.shape)

    def of_classes(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these classes each item has: (n, names). All of the items' own are to be among them."""
        found = np.zeros((len(self), len(names)), bool)
        if self.labels is not None:
            columns = np.array([names.index(name) for name in self.class_names])
            rows, classes = item_classes(self.labels)
            found[rows, columns[classes]] = True
        return found


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors (n, d) of any real type, perhaps a file mapped into memory, of any values: `encode` looks at them.

    `image_shape` is (height, width) where a vector is itself a picture in grey; `width` of at least 1, n of at least 1.
    """

    features: NDArray[Any]
    items: Items
    image_shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        shape, where = self.features.shape, self.items.origin
        if self.features.dtype.kind not in "fiu":
            raise UserError(f"{where}: features are {self.features.dtype}, expected real numbers")
        if len(shape) != 2 or 0 in shape:
            raise UserError(f"{where}: features have shape {shape}, expected (items, width), at least one of each")

    def __len__(self) -> int:
        """Number of vectors (n)."""
        return len(self.features)


@dataclass(frozen=True)
class KnownSplit:
    """The data a model was tested on, and how they were split."""

    fingerprint: str
    split: SplitConfig


def load_vectors(source: str, data_dir: Path | None = None, known_split: KnownSplit | None = None) -> Vectors:
    """Vectors by name or by path.

    - a data set as `load_dataset` takes it: a name, a folder;
    - an ``.npz`` file with ``features`` (n, d) and, where known, ``labels`` and ``paths`` (n,);
    - an ``.npy`` file with a matrix (n, d) or a vector (d,), which stays on disk;
    - one of the first two with ``:queries`` or ``:database`` at its end: those of the split the model was tested on.

    Raises:
        UserError: nothing of that name, data that is no good, or a part that is not known.
    """
    base, _, part = source.rpartition(":")
    if part in PARTS and base:
        return _part(load_dataset(base, data_dir), part, known_split)
    path = Path(source).expanduser()
    if path.suffix == ".npy" and path.is_file():
        return _load_matrix(path)
    if path.suffix == ".npz" and path.is_file():
        return _load_npz(path)
    return _of_dataset(load_dataset(source, data_dir))


def _of_dataset(dataset: EmbeddingSet) -> Vectors:
    path = Path(dataset.source)
    origin = str(path.resolve()) if dataset.source and path.exists() else dataset.name
    items = Items(origin, np.arange(len(dataset)), dataset.labels, dataset.class_names, dataset.paths)
    return Vectors(dataset.features, items, dataset.image_shape)


def _part(dataset: EmbeddingSet, part: str, known_split: KnownSplit | None) -> Vectors:
    if known_split is None:
        raise UserError(f"{dataset.name}:{part}: the model does not say how the data it was tested on were split")
    if known_split.fingerprint != dataset.fingerprint:
        raise UserError(
            f"{dataset.name}:{part}: the model was tested on other data (fingerprint {known_split.fingerprint[:12]}…, "
            f"here {dataset.fingerprint[:12]}…), leave out :{part}"
        )
    split = make_splits(dataset, known_split.split).final
    rows = split.queries if part == "queries" else split.database
    whole = _of_dataset(dataset)
    return Vectors(whole.features[rows], whole.items.take(rows), whole.image_shape)


def _load_matrix(path: Path) -> Vectors:
    try:
        matrix = mapped_array(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable .npy file ({reason(error)})") from None
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    return Vectors(matrix, Items(str(path.resolve()), np.arange(len(matrix) if matrix.ndim else 0)))


def _load_npz(path: Path) -> Vectors:
    arrays = read_arrays(path, ("features",))
    features = arrays["features"]
    rows = np.arange(len(features) if features.ndim else 0)
    labels, names = index_labels(arrays, path) if "labels" in arrays else (None, ())
    if labels is not None and not is_labelled(labels).any():
        labels = None
    paths = decode_strings(arrays["paths"], "paths", path) if "paths" in arrays else None
    return Vectors(features, Items(str(path.resolve()), rows, labels, names, paths))
