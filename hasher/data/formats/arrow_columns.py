"""Columns of Arrow batches as arrays: what Parquet, Arrow, CSV and the datasets library have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hasher.data.formats.label_lists import several_labels
from hasher.data.keys import Keys, missing
from hasher.errors import UserError
from hasher.labels import UNLABELLED


def columns_of(schema: pa.Schema, keys: Keys, where: str) -> dict[str, list[str]]:
    """The columns of each part, by the part.

    An embedding is one column of lists, or several columns of numbers whose names begin as the features' key says:
    where it says nothing, all columns of numbers that are nothing else.
    """
    names = schema.names
    wide = keys.features is not None and keys.features not in names
    found = Keys(None if wide else keys.features, keys.labels, keys.ids).find(names, where)
    if wide:
        found.pop("features", None)
    parts = {part: [name] for part, name in found.items()}
    if "features" not in parts:
        others = {name for columns in parts.values() for name in columns}
        numbers = [name for name in names if name not in others and _is_number(schema.field(name).type)]
        chosen = [name for name in numbers if name.startswith(keys.features or "")]
        if not chosen:
            raise missing("features", ["features"], names, where)
        parts["features"] = chosen
    return parts


@dataclass(frozen=True)
class Stretch:
    """Batches of consecutive rows, of which `start` is the number of the first."""

    start: int
    batches: Iterable[pa.RecordBatch]


def read_stretches(
    stretches: Sequence[Stretch], rows: int, parts: Mapping[str, Sequence[str]], where: str
) -> dict[str, NDArray[Any]]:
    """The parts of `rows` items, from stretches in order that have them all; a thread a core reads one after the other.

    Only a batch a thread is held besides. Raises `UserError` for embeddings with a missing value or of several widths,
    and ids that are missing.
    """
    if rows == 0:
        raise UserError(f"{where}: holds no rows")
    batches = (batch for batch in stretches[0].batches if batch.num_rows)
    first = next(batches)
    width = _embeddings(first, parts, 0, where).shape[1]
    features = np.empty((rows, width), np.float32)
    names = {part: columns[0] for part, columns in parts.items() if part != "features"}

    def read(stretch: Stretch) -> dict[str, list[pa.Array]]:
        others: dict[str, list[pa.Array]] = {part: [] for part in names}
        start = stretch.start
        for batch in stretch.batches:
            if batch.num_rows == 0:
                continue
            block = _embeddings(batch, parts, start, where)
            if block.shape[1] != width:
                raise UserError(f"{where}: features: row {start} has width {block.shape[1]}, but row 0 has {width}")
            with np.errstate(over="ignore"):
                features[start : start + len(block)] = block
            for part, name in names.items():
                others[part].append(batch.column(name))
            start += len(block)
        return others

    begun = Stretch(0, chain([first], batches))
    with ThreadPoolExecutor(pa.cpu_count()) as pool:
        found = list(pool.map(read, [begun, *stretches[1:]]))
    chunks = {part: pa.chunked_array([array for each in found for array in each[part]]) for part in names}
    return {"features": features, **read_parts(chunks, where)}


def read_parts(columns: Mapping[str, pa.ChunkedArray], where: str) -> dict[str, NDArray[Any]]:
    """Columns besides the embeddings, by the part. A missing value is "" or -1: unlabelled, or on its own.

    Labels may be lists, several an item (`several_labels`). Those that are strings become numbers and ``class_names``:
    there are few classes and there may be many items.
    """
    parts: dict[str, NDArray[Any]] = {}
    for part, column in columns.items():
        if part == "class_names":  # a column has a value an item, and these are one a class
            continue
        if part == "labels" and _is_list(column.type):
            parts |= several_labels(column, where)
            continue
        values = _without_missing(column, part, where)
        if not _is_string(values.type):
            parts[part] = values.to_numpy()
            continue
        encoded = values.dictionary_encode().combine_chunks()
        distinct = encoded.dictionary.to_numpy(zero_copy_only=False).astype(np.str_)
        places = encoded.indices.to_numpy(zero_copy_only=False)
        if part == "labels":
            parts["labels"] = np.where(distinct == "", UNLABELLED, np.arange(len(distinct)))[places]
            parts["class_names"] = distinct
        else:
            parts[part] = distinct[places]
    return parts


def mapped_matrix(column: pa.ChunkedArray, where: str) -> NDArray[Any] | None:
    """The embeddings of a column as a view of the memory it has, where that is in one piece."""
    if column.num_chunks != 1 or not _is_list(column.type):
        return None
    return _lists(column.chunk(0), 0, where)


def _embeddings(batch: pa.RecordBatch, parts: Mapping[str, Sequence[str]], start: int, where: str) -> NDArray[Any]:
    """(n, d) of one column of lists or of d columns of numbers; `start` is the first row's number."""
    columns = [batch.column(name) for name in parts["features"]]
    if len(columns) == 1 and _is_list(columns[0].type):
        return _lists(columns[0], start, where)
    block = np.empty((len(columns[0]), len(columns)), np.float32)
    for place, column in enumerate(columns):
        _refuse_missing(column, "features", start, where)
        if not _is_number(column.type):
            raise UserError(f"{where}: features are {column.type}, expected lists of numbers or columns of them")
        block[:, place] = column.to_numpy(zero_copy_only=False)
    return block


def _lists(column: pa.Array, start: int, where: str) -> NDArray[Any]:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    _refuse_missing(column, "features", start, where)
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        values = column.values.slice(column.offset * width, len(column) * width)
    else:
        widths = np.diff(column.offsets.to_numpy())
        width = int(widths[0])
        if (widths != width).any():
            row = int((widths != width).argmax())
            raise UserError(
                f"{where}: features: row {start + row} has width {widths[row]}, but row {start} has {width}"
            )
        values = column.flatten()
    if not _is_number(values.type):
        raise UserError(f"{where}: features are lists of {values.type}, expected numbers")
    if values.null_count:
        row = start + int(np.asarray(values.is_null()).argmax()) // max(width, 1)
        raise UserError(f"{where}: features: row {row} lacks a value")
    return values.to_numpy(zero_copy_only=False).reshape(len(column), width)


def _without_missing(column: pa.ChunkedArray, part: str, where: str) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if _is_string(kind):
        empty: Any = ""
    elif pa.types.is_integer(kind):
        empty = -1
    elif pa.types.is_boolean(kind):
        empty = False
    else:
        raise UserError(f"{where}: {part} is {kind}, expected integers or strings")
    if column.null_count:
        if part in ("ids", "is_query"):
            _refuse_missing(column, part, 0, where)
        if pa.types.is_unsigned_integer(kind):
            column = column.cast(pa.int64())
        column = pc.fill_null(column, empty)
    return column


def _refuse_missing(column: pa.Array | pa.ChunkedArray, part: str, start: int, where: str) -> None:
    if column.null_count:
        row = start + int(np.asarray(column.is_null()).argmax())
        raise UserError(f"{where}: {part}: row {row} has no value")


def _is_list(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)
