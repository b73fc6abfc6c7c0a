"""Items with exactly the same features."""

import hashlib
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hasher.data.embedding_set import CHUNK, EmbeddingSet
from hasher.data.splits import Split


def count_duplicates(features: NDArray[np.float32]) -> int:
    """Rows of `features` (n, d) that repeat an earlier row."""
    return len(features) - len(set(_row_digests(features, np.arange(len(features)))))


def check_leaks(dataset: EmbeddingSet, split: Split) -> int:
    """The number of queries whose features are also those of an item trained on or searched.

    Such a query is found by identity and not by likeness, so it flatters every method. Any are warned about, none is
    removed: that is for the data set's owner to decide, by `groups` for instance.
    """
    trained_on = set(_row_digests(dataset.features, split.known))
    leaks = sum(digest in trained_on for digest in _row_digests(dataset.features, split.queries))
    if leaks:
        warnings.warn(
            f"{dataset.name}: {leaks} of {len(split.queries)} queries have an exact duplicate among the items trained "
            f"on; put duplicates into one group to keep them together",
            stacklevel=2,
        )
    return leaks


def _row_digests(features: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[bytes]:
    for start in range(0, len(rows), CHUNK):
        block = features[rows[start : start + CHUNK]] + np.float32(0)  # -0 becomes 0, its equal
        for row in block:
            yield hashlib.blake2b(row, digest_size=16).digest()
