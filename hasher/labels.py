"""Class labels of items in their two forms: one class an item, as its number, or several, as a row of booleans.

- single: int64 (n,), -1 for an item without a label;
- multi-hot: bool (n, classes), True where the item has the label; a row of False is an item without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError

UNLABELLED = -1

#: Either form; which of the two, the number of dimensions tells and no type checker.
Labels = NDArray[Any]


def multi_hot(lists: Iterable[Iterable[Any]]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Lists of an item's labels, numbers or names, as a matrix (n, classes), and the sorted classes' names.

    An empty list is an item without a label; a label named twice counts once.

    Raises:
        UserError: something that is no list of labels, such as a single string.
    """
    rows: list[list[Any]] = []
    for number, labels in enumerate(lists):
        if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
            raise UserError(f"labels: row {number} is {labels!r}, expected a list of labels")
        rows.append(list(labels))
    numbers = all(isinstance(label, int | np.integer) for row in rows for label in row)
    classes = sorted({int(label) if numbers else str(label) for row in rows for label in row})
    place = {label: column for column, label in enumerate(classes)}
    matrix = np.zeros((len(rows), len(classes)), bool)
    for number, row in enumerate(rows):
        matrix[number, [place[int(label) if numbers else str(label)] for label in row]] = True
    return matrix, tuple(map(str, classes))


def as_multi_hot(values: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """A matrix of booleans, or of numbers that are all 0 or 1, as booleans (n, classes); `name` opens the message.

    Raises:
        UserError: other types or values, or no class.
    """
    if values.ndim != 2 or values.shape[1] == 0 or values.dtype.kind not in "biuf":
        raise UserError(
            f"{name}: {values.dtype} of shape {values.shape}, expected integers of shape (n,), or for several labels "
            f"an item booleans or 0 and 1 of shape (n, classes)"
        )
    if values.dtype == np.bool_:
        return values
    found = values != 0
    wrong = found & (values != 1)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"{name}: {values[row, column]} in row {row}, column {column}, expected one label an item, or 0 and 1 in a "
            f"column for each class"
        )
    return found


def check_multi_hot(labels: Labels, shape: tuple[int, int], where: str) -> None:
    """Raise `UserError` unless `labels` are booleans of this shape, (items, classes)."""
    if labels.dtype != np.bool_ or labels.shape != shape:
        raise UserError(
            f"{where}: labels are {labels.dtype} of shape {labels.shape}, expected booleans of shape {shape}: a row an "
            f"item, a column a class"
        )


def names_of_columns(count: int, names: NDArray[Any] | None, where: str) -> tuple[str, ...]:
    """The classes' names as they are in a file, their numbers where there are none.

    Raises:
        UserError: something else than `count` strings.
    """
    if names is None:
        return tuple(map(str, range(count)))
    if names.shape != (count,) or names.dtype.kind != "U":
        raise UserError(
            f"{where}: class_names is {names.dtype} of shape {names.shape}, expected ({count},) strings, one a column "
            f"of labels"
        )
    return tuple(map(str, names))


def is_labelled(labels: Labels) -> NDArray[np.bool_]:
    """Which items have a label: (n,)."""
    return np.asarray(labels >= 0 if labels.ndim == 1 else labels.any(axis=1))


def item_classes(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every label of every item: rows, ascending, and classes, both (labels,)."""
    if labels.ndim == 2:
        rows, classes = np.nonzero(labels)
        return rows, classes
    rows = np.flatnonzero(labels >= 0)
    return rows, labels[rows]


def class_sizes(labels: Labels, classes: int) -> NDArray[np.int64]:
    """Items of each class: int64 (classes,)."""
    return np.bincount(item_classes(labels)[1], minlength=classes).astype(np.int64)


def has_any_of(labels: Labels, classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which items have a label among `classes`: (n,)."""
    return np.asarray(np.isin(labels, classes) if labels.ndim == 1 else labels[:, classes].any(axis=1))


def names_of(labels: Labels, class_names: Sequence[str]) -> NDArray[np.str_]:
    """The classes of each item in words, several joined by commas, "" where there is none: (n,)."""
    if labels.ndim == 1:
        return np.array([*class_names, ""])[labels]  # -1 is the last
    names = np.array(class_names, dtype=np.str_)
    return np.array([", ".join(names[row]) for row in labels], dtype=np.str_)


def label_words(labels: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Multi-hot labels as bit sets: uint64 (n, ceil(classes / 64)). Shared labels are the bits set in both words."""
    bytes_ = np.packbits(labels, axis=1)
    filled = np.zeros((len(labels), 8 * -(-labels.shape[1] // 64)), np.uint8)
    filled[:, : bytes_.shape[1]] = bytes_
    return filled.view(np.uint64)
