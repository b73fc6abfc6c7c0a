"""A CSV file with a heading and a row an item."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from hasher.data.arrays import Arrays
from hasher.data.formats.arrow import from_table
from hasher.data.keys import USUAL, Keys
from hasher.errors import UserError, reason


def read(path: Path, keys: Keys) -> Arrays:
    """Its columns: an embedding is a column of numbers each, or one column of lists such as ``[0.5, 1.0]``.

    Raises `UserError` for a file that is damaged or lacks them.
    """
    table = read_table(path)
    for name in (keys.features,) if keys.features else USUAL["features"]:
        if name in table.column_names and pa.types.is_string(table[name].type):
            place = table.column_names.index(name)
            table = table.set_column(place, name, _parsed(table[name], path))
    return from_table(table, keys, path.stem, str(path))


def read_table(path: Path) -> pa.Table:
    """The table, numbers where a whole column is of numbers. Raises `UserError` for what is no CSV file."""
    options = pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=False)
    try:
        table = pa.csv.read_csv(path, convert_options=options)
        table.column_names  # noqa: B018 - decoded here, where it may fail
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable CSV file ({reason(error)})") from None
    return table


def _parsed(column: pa.ChunkedArray, path: Path) -> pa.Array:
    try:
        return pa.array([np.asarray(json.loads(text), np.float64) for text in column.to_pylist()])
    except (ValueError, TypeError, pa.ArrowException):
        raise UserError(f"{path}: features are text, expected numbers or lists such as [0.5, 1.0]") from None
