"""What is no error in a data set, and yet seldom what its owner means."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from hasher.data.embedding_set import CHUNK, EmbeddingSet
from hasher.data.splits import Split

#: Fewer test queries are warned about: one of them found better or worse moves the score by more than a fifth.
FEW = 5


def count_zeros(features: NDArray[np.float32]) -> int:
    """Rows of `features` (n, d) that are all zero."""
    starts = range(0, len(features), CHUNK)
    return sum(int((~features[start : start + CHUNK].any(axis=1)).sum()) for start in starts)


def warn_of_oddities(dataset: EmbeddingSet, split: Split) -> None:
    """Warn of vectors that are all zero, which have no direction, and of a handful of test queries."""
    zeros = count_zeros(dataset.features)
    if zeros:
        warnings.warn(
            f"{dataset.name}: {zeros} of {len(dataset)} vectors are all zero, as of images that gave none; leave such "
            f"items out",
            stacklevel=2,
        )
    if len(split.queries) < FEW:
        warnings.warn(
            f"{dataset.name}: {len(split.queries)} test queries of {len(dataset)} items, too few for a score to mean "
            f"much",
            stacklevel=2,
        )
