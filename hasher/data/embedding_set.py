"""The one form every data set takes: a matrix of embeddings, their labels and what is known about their split."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.labels import UNLABELLED, Labels, as_multi_hot, check_multi_hot, class_sizes, is_labelled

#: Rows looked at together where a whole-matrix temporary would double the memory.
CHUNK = 65_536

#: Longest embedding allowed: centred, it may be twice as long, and its squared length must still be a float32.
LONGEST = 9e18

#: Items that differ by less are scaled to nothing or to noise where they are centred and normalised.
LEAST_DIFFERENCE = 1e-10


@dataclass(frozen=True, eq=False)
class EmbeddingSet:
    """n embeddings of width d with their classes; validated and made read-only when constructed.

    Attributes:
        name: short name, the one tables show.
        features: float32 (n, d), C-contiguous, finite. Other real types are converted.
        labels: int64 (n,), index into `class_names`, -1 for an unlabelled item; or bool (n, classes), several labels an
            item (`hasher.labels`). An unlabelled item may be trained on and is never in the database or a query.
        class_names: one distinct name a class.
        is_query: bool (n,), the official test split, or None where there is none.
        groups: int64 (n,), or None. Items of one group never fall on both sides of a split; a negative number is an
            item on its own.
        image_shape: (height, width) where a row of `features` is itself a picture in grey.
        paths: str (n,), the image each item was made from, where that is known.
        ids: (n,) integers or str, what its owner calls each item, where that is known.
        about: what the file says of how the embeddings were made, where it does.
        source: where the data came from (a path, a library); opens every error message, `name` where it is empty.

    Raises:
        UserError: arrays of the wrong shape or type, a value that is not finite in float32 or too large to reckon with,
            fewer than two items, items that are all alike, a single class, no class with two items, or an official
            split that leaves no query or nothing else.
    """

    name: str
    features: NDArray[np.float32]
    labels: Labels
    class_names: tuple[str, ...]
    is_query: NDArray[np.bool_] | None = None
    groups: NDArray[np.int64] | None = None
    image_shape: tuple[int, int] | None = None
    paths: NDArray[np.str_] | None = None
    ids: NDArray[Any] | None = None
    about: Mapping[str, Any] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        where = self.source or self.name
        paths = None if self.paths is None else np.asarray(self.paths)
        features = checked_features(self.features, where, paths)
        count = len(features)
        self._keep("features", features)
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))
        self._keep("labels", _labels(self.labels, count, len(self.class_names), where))
        if paths is not None:
            self._keep("paths", _per_item(paths, "paths", "U", np.str_, count, where))
        if self.ids is not None:
            given = np.asarray(self.ids)
            self._keep("ids", _per_item(given, "ids", "iuU", given.dtype.type, count, where))
        if self.is_query is not None:
            self._keep("is_query", _per_item(self.is_query, "is_query", "b", np.bool_, count, where))
        if self.groups is not None:
            self._keep("groups", _per_item(self.groups, "groups", "iu", np.int64, count, where))
        self._check_classes(where)
        self._check_official_split(where)
        refuse_alike(self.features, where)
        if self.image_shape is not None and np.prod(self.image_shape) != features.shape[1]:
            raise UserError(f"{where}: image_shape {self.image_shape} does not fit features of width {self.width}")

    def _keep(self, field: str, array: NDArray[Any]) -> None:
        view = array.view()
        view.flags.writeable = False  # the fingerprint speaks for the content, so the content must not change
        object.__setattr__(self, field, view)

    def _check_classes(self, where: str) -> None:
        if len(set(self.class_names)) != len(self.class_names):
            raise UserError(f"{where}: class_names holds a name twice, each class needs its own")
        numbers = self.labels if self.labels.ndim == 1 else np.empty(0, np.int64)
        wrong = np.flatnonzero((numbers < UNLABELLED) | (numbers >= len(self.class_names)))
        if len(wrong):
            raise UserError(
                f"{where}: labels: {numbers[wrong[0]]} in {self.describe_item(wrong[0])}, expected "
                f"0 to {len(self.class_names) - 1} for the {len(self.class_names)} classes or -1 for unlabelled"
            )
        sizes = self.class_sizes
        if np.count_nonzero(sizes) < 2:
            found = self.class_names[int(sizes.argmax())] if sizes.any() else None
            problem = "no item has a label" if found is None else f"every labelled item is of the class {found!r}"
            raise UserError(f"{where}: labels: {problem}, retrieval needs at least two classes")
        if sizes.max() < 2:
            raise UserError(f"{where}: labels: no class has two items, so no query could find anything")

    def _check_official_split(self, where: str) -> None:
        if self.is_query is None:
            return
        if self.is_query.all() or not self.is_query.any():
            marked = "every item" if self.is_query.all() else "no item"
            raise UserError(f"{where}: is_query marks {marked}; leave it out where there is no official test split")
        unlabelled = np.flatnonzero(self.is_query & ~self.is_labelled)
        if len(unlabelled):
            raise UserError(
                f"{where}: {self.describe_item(unlabelled[0])} is a test query (is_query) without a label, "
                f"only labelled items can be queries"
            )

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal hash (BLAKE2b, 128 bits) of features, labels, is_query and groups; computed once."""
        digest = hashlib.blake2b(digest_size=16)
        for field in ("features", "labels", "is_query", "groups"):
            array = getattr(self, field)
            digest.update(field.encode())
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(array.data)
        return digest.hexdigest()

    @property
    def class_sizes(self) -> NDArray[np.int64]:
        """Items of each class: int64 (classes,)."""
        return class_sizes(self.labels, len(self.class_names))

    @property
    def has_several_labels(self) -> bool:
        """Whether items may have several labels."""
        return self.labels.ndim == 2

    @cached_property
    def is_labelled(self) -> NDArray[np.bool_]:
        """Which items have a label: (n,)."""
        return is_labelled(self.labels)

    @property
    def width(self) -> int:
        """Width of an embedding (d)."""
        return int(self.features.shape[1])

    def __len__(self) -> int:
        """Number of items (n)."""
        return len(self.features)

    def describe_item(self, row: int | np.integer[Any]) -> str:
        """The item at `row` (from 0) in words, for messages."""
        return _item(int(row), self.paths)


def _item(row: int, paths: Sequence[str] | NDArray[np.str_] | None) -> str:
    return f"row {row}" if paths is None or row >= len(paths) else f"row {row} ({paths[row]})"


def checked_features(values: ArrayLike, where: str, paths: NDArray[np.str_] | None = None) -> NDArray[np.float32]:
    """`values` as float32 (n, d), C-contiguous. Raises `UserError` as `EmbeddingSet` does for bad ones."""
    given = np.asarray(values)
    if given.dtype.kind not in "fiu":
        raise UserError(f"{where}: features are {given.dtype}, expected real numbers")
    if given.ndim != 2 or given.shape[1] == 0:
        raise UserError(f"{where}: features have shape {given.shape}, expected (items, width)")
    if len(given) < 2:
        raise UserError(f"{where}: features hold {len(given)} item(s), at least two are needed")
    with np.errstate(over="ignore"):
        features = np.ascontiguousarray(given, dtype=np.float32)
    for start in range(0, len(features), CHUNK):
        chunk = features[start : start + CHUNK]
        with np.errstate(over="ignore", invalid="ignore"):
            usable = np.einsum("ij,ij->i", chunk, chunk) <= LONGEST**2  # false for NaN and infinity too
        if not usable.all():
            row = start + int(usable.argmin())
            raise UserError(f"{where}: features: {_item(row, paths)} {_why_refused(given[row], features[row])}")
    return features


def refuse_alike(features: NDArray[np.float32], where: str) -> None:
    """Raise `UserError` where no two rows of `features` (n, d) differ; `where` opens the message."""
    for start in range(0, len(features), 1024):  # the first block nearly always has two items that differ
        if (np.abs(features[start : start + 1024] - features[0]) > LEAST_DIFFERENCE).any():
            return
    raise UserError(
        f"{where}: features: all items are alike, no value differs by more than {LEAST_DIFFERENCE:g} between them, so "
        f"nothing can tell them apart"
    )


def _why_refused(given: NDArray[Any], converted: NDArray[np.float32]) -> str:
    if not np.isfinite(given).all():
        return "holds NaN or infinity, every value must be finite"
    if not np.isfinite(converted).all():
        return "holds a value too large for float32, every value must be finite"
    return f"is longer than {LONGEST:g}, too long to reckon with in float32; scale all features down"


def _labels(values: ArrayLike, count: int, classes: int, where: str) -> Labels:
    array = np.asarray(values)
    if array.ndim != 2:
        return _per_item(array, "labels", "iu", np.int64, count, where)
    labels = np.ascontiguousarray(as_multi_hot(array, f"{where}: labels"))
    check_multi_hot(labels, (count, classes), where)
    return labels


def _per_item(values: ArrayLike, field: str, kinds: str, dtype: type, count: int, where: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (count,):
        raise UserError(f"{where}: {field} has shape {array.shape}, expected ({count},): one value an item")
    if array.dtype.kind not in kinds:
        expected = {"b": "booleans", "iu": "integers", "U": "strings", "iuU": "integers or strings"}[kinds]
        raise UserError(f"{where}: {field} is {array.dtype}, expected {expected}")
    return np.ascontiguousarray(array, dtype=dtype)
