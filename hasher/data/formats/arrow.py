"""An Arrow file or stream, Feather among them, mapped into memory where it is not compressed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from hasher.data.arrays import Arrays
from hasher.data.formats.arrow_columns import Stretch, columns_of, mapped_matrix, read_parts, read_stretches
from hasher.data.keys import Keys
from hasher.errors import UserError, reason


def read(path: Path, keys: Keys) -> Arrays:
    """Its columns. Raises `UserError` for a file that is damaged or lacks them."""
    try:
        return from_table(_table(path), keys, path.stem, str(path))
    except (pa.ArrowException, OSError, EOFError) as error:
        raise UserError(f"{path}: not a readable Arrow or Feather file ({reason(error)})") from None


def from_table(table: pa.Table, keys: Keys, name: str, where: str) -> Arrays:
    """The parts of a table; embeddings in one piece stay where they are."""
    parts = columns_of(table.schema, keys, where)
    features = mapped_matrix(table[parts["features"][0]], where) if len(parts["features"]) == 1 else None
    if features is None:
        columns = [each for names in parts.values() for each in names]
        arrays = read_stretches([Stretch(0, table.select(columns).to_batches())], table.num_rows, parts, where)
    else:
        others = {part: table[names[0]] for part, names in parts.items() if part != "features"}
        arrays = {"features": features, **read_parts(others, where)}
    return Arrays(name, where, tuple(table.column_names), arrays)


def _table(path: Path) -> pa.Table:
    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid:  # a stream has no list of its batches at its end
        source.seek(0)
        return pa.ipc.open_stream(source).read_all()
