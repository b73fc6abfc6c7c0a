"""Labels in a file of their own beside a matrix: ``x.labels.csv``, ``.txt`` or ``.npy`` for ``x.npy``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hasher.arrays import mapped_array
from hasher.data.arrays import Arrays
from hasher.data.formats.arrow_columns import read_parts
from hasher.data.formats.text import read_table
from hasher.data.keys import Keys, missing
from hasher.errors import UserError, reason
from hasher.files import read_regular

#: Ends of their names, after that of the matrix without its own, and the ends of matrices that have one beside them.
SUFFIXES = (".labels.csv", ".labels.txt", ".labels.npy")
MATRICES = (".npy", ".safetensors", ".pt", ".pth")


def label_file(path: Path, keys: Keys) -> Path | None:
    """The file with the labels of the matrix `path`: that which `keys` name, otherwise one beside it, if any is there.

    Raises `UserError` where the one named is not there.
    """
    if keys.label_file is None:
        beside = [path.with_suffix(suffix) for suffix in SUFFIXES] if path.suffix in MATRICES else []
        return next((each for each in beside if each.is_file()), None)
    given = Path(keys.label_file).expanduser()
    if not given.is_file():
        raise UserError(f"{given}: no such file of labels")
    return given


def with_labels(arrays: Arrays, file: Path, keys: Keys) -> Arrays:
    """`arrays` with what the label file says, where they have no labels themselves. Raises `UserError` if it is bad."""
    if "labels" in arrays.parts:
        if keys.label_file is not None:
            raise UserError(f"{arrays.source}: has labels itself, leave {file} out")
        return arrays
    return replace(arrays, parts={**arrays.parts, **_read(file, keys)}, found=(*arrays.found, file.name))


def _read(path: Path, keys: Keys) -> dict[str, NDArray[Any]]:
    """Labels by a line or a number each, or columns by the names that parts have."""
    if path.suffix == ".csv":
        return _columns(path, keys)
    try:
        if path.suffix == ".npy":
            return {"labels": np.array(mapped_array(path))}
        if path.suffix == ".txt":
            lines = read_regular(path).decode().splitlines()
            return read_parts({"labels": _typed(lines)}, str(path))
    except Exception as error:  # numpy raises whatever its parsers do on a damaged header
        raise UserError(f"{path}: not a readable file of labels ({reason(error)})") from None
    raise UserError(f"{path}: labels are read from .csv, .txt and .npy files")


def _typed(lines: list[str]) -> pa.ChunkedArray:
    """Integers where every line is one or empty."""
    column = pa.chunked_array([pa.array([line or None for line in lines], pa.string())])
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _columns(path: Path, keys: Keys) -> dict[str, NDArray[Any]]:
    table = read_table(path)
    names = table.column_names
    found = Keys(labels=keys.labels, ids=keys.ids).find(names, str(path))
    found.pop("features", None)
    if "labels" not in found and len(names) == 1:
        found["labels"] = names[0]
    if "labels" not in found:
        raise missing("labels", ["labels"], names, str(path))
    return read_parts({part: table[name] for part, name in found.items()}, str(path))
