"""Class labels of queries and database: checked, and turned into blocks of a database sorted by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.retrieval.codes import as_array


def as_labels(labels: ArrayLike, name: str, count: int | None = None) -> NDArray[np.int64]:
    """`labels` as int64 of shape (n,).

    Raises:
        UserError: not one-dimensional, not integers, empty, or not `count` of them where that is given.
    """
    array = as_array(labels, name)
    if array.ndim != 1:
        raise UserError(f"{name}: expected one label an item, shape (n,), not {array.shape}")
    if count is not None and len(array) != count:
        raise UserError(f"{name}: expected one label for each of {count} items, not {len(array)}")
    if len(array) == 0:
        raise UserError(f"{name}: expected at least one item, there is none")
    if array.dtype.kind not in "iu":
        raise UserError(f"{name}: expected integers, not {array.dtype}")
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class ClassBlocks:
    """A database sorted by class, and the block of it that is relevant to each query.

    ``order`` (n,) sorts the database by class; in that order the items relevant to query i are those from
    ``starts[i]`` to ``stops[i]``: none where the database has nothing of its class.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @classmethod
    def of(cls, query_labels: NDArray[np.int64], database_labels: NDArray[np.int64]) -> "ClassBlocks":
        """Blocks for integer labels of any values."""
        order = np.argsort(database_labels, kind="stable")
        ordered = database_labels[order]
        starts = np.searchsorted(ordered, query_labels, side="left")
        return cls(order, starts, np.searchsorted(ordered, query_labels, side="right"))
