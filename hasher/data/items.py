"""Vectors and codes come with items: where they come from, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError
from hasher.labels import Labels, check_multi_hot, item_classes, names_of

_EXPECTED = {"iu": "integers", "i": "integers", "U": "strings", "iuU": "integers or strings"}


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
        ids: (n,) integers or str, what its owner calls each item, where that is known.

    Raises:
        UserError: rows, labels, paths or ids that are of another type, not one an item, or labels that are no class.
    """

    origin: str
    rows: NDArray[np.int64]
    labels: Labels | None = None
    class_names: tuple[str, ...] = ()
    paths: NDArray[np.str_] | None = None
    ids: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        numbers = self.labels if self.labels is not None and self.labels.ndim != 2 else None
        for field, kinds, values in (
            ("rows", "iu", self.rows),
            ("labels", "i", numbers),
            ("paths", "U", self.paths),
            ("ids", "iuU", self.ids),
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
            ids=None if self.ids is None else self.ids[which],
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

    `image_shape` is (height, width) where a vector is itself a picture in grey; `about` what their file says of how
    they were made. Width and n are at least 1.
    """

    features: NDArray[Any]
    items: Items
    image_shape: tuple[int, int] | None = None
    about: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        shape, where = self.features.shape, self.items.origin
        if self.features.dtype.kind not in "fiu":
            raise UserError(f"{where}: features are {self.features.dtype}, expected real numbers")
        if len(shape) != 2 or 0 in shape:
            raise UserError(f"{where}: features have shape {shape}, expected (items, width), at least one of each")

    def __len__(self) -> int:
        """Number of vectors (n)."""
        return len(self.features)
