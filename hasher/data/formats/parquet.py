"""A Parquet file with a row an item, read in small batches into one matrix, its row groups side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hasher.data.arrays import Arrays
from hasher.data.formats.arrow_columns import Stretch, columns_of, read_stretches
from hasher.data.keys import Keys
from hasher.errors import UserError, reason

#: Rows of a batch and bytes of a read. Both stay in the processor's cache: larger ones are slower and take memory.
BATCH, BUFFER = 1 << 11, 1 << 18


def read(path: Path, keys: Keys) -> Arrays:
    """Its columns. Raises `UserError` for a file that is damaged or lacks them."""
    try:
        with pq.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
        parts = columns_of(schema, keys, str(path))
        columns = [name for names in parts.values() for name in names]
        sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        stretches = [
            Stretch(end - size, _batches(path, metadata, number, columns))
            for number, (end, size) in enumerate(zip(accumulate(sizes), sizes, strict=True))
            if size
        ]
        arrays = read_stretches(stretches, metadata.num_rows, parts, str(path))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({reason(error)})") from None
    return Arrays(path.stem, str(path), tuple(schema.names), arrays)


def _batches(path: Path, metadata: pq.FileMetaData, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Of one row group, by a reader of its own."""
    with pq.ParquetFile(path, metadata=metadata, buffer_size=BUFFER, pre_buffer=False) as file:
        yield from file.iter_batches(BATCH, row_groups=[group], columns=columns, use_threads=False)
