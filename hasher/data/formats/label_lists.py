"""A column of lists of labels, several an item, as a matrix with a column a class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hasher.errors import UserError

#: From this length on, a list of zeros and ones names a label twice, unless it says of every class whether it is one.
SHORTEST_ROW = 3


def several_labels(column: pa.ChunkedArray, where: str) -> dict[str, NDArray[Any]]:
    """``labels``, bool (n, classes), and ``class_names``, the sorted distinct labels, of n lists.

    Lists of strings or numbers name an item's labels; an empty list, a missing one and "" in it name none. Lists of one
    length that hold booleans, or from `SHORTEST_ROW` values on nothing but 0 and 1, are rows of such a matrix already:
    they have no ``class_names``.

    Raises:
        UserError: lists of something else, or negative numbers.
    """
    lists = column.combine_chunks()
    values, rows = pc.list_flatten(lists), np.asarray(pc.list_parent_indices(lists))
    kind = values.type
    if not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind) or kind == pa.bool_()
    ):
        raise UserError(f"{where}: labels are lists of {kind}, expected lists of integers or strings")
    lengths = np.bincount(rows, minlength=len(lists))
    if _are_rows(values, lengths):
        return {"labels": np.asarray(values).astype(bool).reshape(len(lists), -1)}
    if kind == pa.bool_():
        raise UserError(f"{where}: labels are lists of booleans, expected one a class in every row")
    return _matrix(values, rows, len(lists), where)


def _are_rows(values: pa.Array, lengths: NDArray[np.int64]) -> bool:
    """Whether each list says of every class whether the item is of it."""
    if values.null_count or (lengths != lengths[0]).any():
        return False
    if values.type == pa.bool_():
        return True
    return pa.types.is_integer(values.type) and bool(lengths[0] >= SHORTEST_ROW and np.isin(values, (0, 1)).all())


def _matrix(values: pa.Array, rows: NDArray[np.int64], count: int, where: str) -> dict[str, NDArray[Any]]:
    encoded = values.dictionary_encode()
    distinct = encoded.dictionary.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type) and distinct.min(initial=0) < 0:
        raise UserError(f"{where}: labels: {distinct.min()} in a list, expected 0 or more, or strings")
    order = np.array([place for place in np.argsort(distinct) if distinct[place] != ""], dtype=np.int64)
    columns = np.full(len(distinct), -1)
    columns[order] = np.arange(len(order))
    places = (
        columns[encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)] if len(distinct) else np.array([], int)
    )
    named = np.asarray(values.is_valid()) & (places >= 0)
    labels = np.zeros((count, len(order)), bool)
    labels[rows[named], places[named]] = True
    return {"labels": labels, "class_names": distinct[order].astype(np.str_)}
