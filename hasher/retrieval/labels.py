"""Class labels of queries and database: checked, and made into what tells the relevant items of each query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.labels import Labels, as_multi_hot, label_words
from hasher.retrieval.codes import as_array

#: Pairs of a query and an item whose shared labels are counted at once.
PAIRS_AT_ONCE = 1 << 22


def as_labels(labels: ArrayLike, name: str, count: int | None = None) -> Labels:
    """`labels` as int64 (n,), one class an item, or as bool (n, classes), several (see `hasher.labels`).

    Raises:
        UserError: another shape or type, empty, or not `count` of them where that is given.
    """
    array = as_array(labels, name)
    if array.ndim not in (1, 2):
        raise UserError(f"{name}: expected labels of shape (n,), or several an item, (n, classes), not {array.shape}")
    if count is not None and len(array) != count:
        raise UserError(f"{name}: expected one label for each of {count} items, not {len(array)}")
    if len(array) == 0:
        raise UserError(f"{name}: expected at least one item, there is none")
    if array.ndim == 2:
        return as_multi_hot(array, name)
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
    def of(cls, query_labels: NDArray[np.int64], database_labels: NDArray[np.int64]) -> ClassBlocks:
        """Blocks for integer labels of any values."""
        narrow = database_labels.astype(np.int16)  # numpy sorts such by digits, ten times as fast
        keys = narrow if np.array_equal(narrow, database_labels) else database_labels
        order = np.argsort(keys, kind="stable")
        ordered = database_labels[order]
        starts = np.searchsorted(ordered, query_labels, side="left")
        return cls(order, starts, np.searchsorted(ordered, query_labels, side="right"))


@dataclass(frozen=True, eq=False)
class LabelSets:
    """Several labels an item as bit sets: an item is relevant to a query where they share one.

    ``queries`` (q, words) and ``database`` (n, words) are uint64; no query has more than ``most`` labels.
    """

    queries: NDArray[np.uint64]
    database: NDArray[np.uint64]
    most: int

    @classmethod
    def of(cls, query_labels: NDArray[np.bool_], database_labels: NDArray[np.bool_]) -> LabelSets:
        """Sets of multi-hot labels (q, classes) and (n, classes)."""
        return cls(label_words(query_labels), label_words(database_labels), int(query_labels.sum(axis=1).max()))

    def shared(self, rows: slice) -> NDArray[np.int64]:
        """How many labels some of the queries share with each item: (queries, n)."""
        found = np.zeros((len(self.queries[rows]), len(self.database)), np.int64)
        for word in range(self.queries.shape[1]):
            found += np.bitwise_count(self.queries[rows, word, None] & self.database[:, word])
        return found


def check_same_kind(query_labels: Labels, database_labels: Labels) -> None:
    """Raise `UserError` unless both have one label an item, or several of the same classes."""
    if query_labels.shape[1:] != database_labels.shape[1:]:
        raise UserError(
            f"database_labels: shape {database_labels.shape} does not go with query_labels of shape "
            f"{query_labels.shape}, expected one label an item on both sides, or columns of the same classes"
        )


def relevance(query_labels: Labels, database_labels: Labels) -> ClassBlocks | LabelSets:
    """What tells the relevant items of each query. Raises `UserError` where the labels are of two kinds."""
    check_same_kind(query_labels, database_labels)
    if query_labels.ndim == 2:
        return LabelSets.of(query_labels, database_labels)
    return ClassBlocks.of(query_labels, database_labels)


def relevant_items(query_labels: Labels, database_labels: Labels) -> NDArray[np.int64]:
    """How many items of the database are relevant to each query: (queries,). Raises as `relevance`."""
    found = relevance(query_labels, database_labels)
    if isinstance(found, ClassBlocks):
        return found.stops - found.starts
    at_once = max(1, PAIRS_AT_ONCE // len(database_labels))
    parts = [slice(first, first + at_once) for first in range(0, len(query_labels), at_once)]
    return np.concatenate([np.count_nonzero(found.shared(part), axis=1) for part in parts])
