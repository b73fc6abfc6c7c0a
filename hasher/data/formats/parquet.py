"""A Parquet file with a row an item, read batch by batch into one matrix."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

from hasher.data.arrays import Arrays
from hasher.data.formats.arrow_columns import columns_of, read_batches
from hasher.data.keys import Keys
from hasher.errors import UserError, reason

#: Rows of a batch, and how many batches and row groups are read ahead of what is copied: they bound the memory.
BATCH, BATCHES_AHEAD, GROUPS_AHEAD = 1 << 15, 4, 1


def read(path: Path, keys: Keys) -> Arrays:
    """Its columns. Raises `UserError` for a file that is damaged or lacks them."""
    try:
        dataset = pyarrow.dataset.dataset(path, format="parquet")
        parts = columns_of(dataset.schema, keys, str(path))
        columns = [name for names in parts.values() for name in names]
        batches = dataset.to_batches(
            columns=columns, batch_size=BATCH, batch_readahead=BATCHES_AHEAD, fragment_readahead=GROUPS_AHEAD
        )
        arrays = read_batches(batches, dataset.count_rows(), parts, str(path))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({reason(error)})") from None
    return Arrays(path.stem, str(path), tuple(dataset.schema.names), arrays)
