"""The nearest neighbours of every training item, by cosine."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

#: Items up to which every pair is compared, which takes time with the square of the items: benchmarks/database_graph.py
#: has what, and how few neighbours the approximation misses.
EXACT = 50_000
#: Of the approximation's cells, those that are looked into for each item.
PROBED = 32


def unit_vectors(features: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """`features` (n, d) less their mean (d,), at length 1; a zero vector stays zero."""
    centred = features - mean
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return centred


def nearest(unit: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The `k` most similar other items of each: their numbers (n, k) and cosines (n, k), in falling order.

    Exact up to `EXACT` items; beyond, faiss's inverted lists, whose cells k-means finds with a fixed seed. Numbers are
    -1 where there are fewer others, or fewer in the cells looked into.
    """
    index = _exact(unit) if len(unit) <= EXACT else _inverted_lists(unit)
    k = min(k, len(unit) - 1)
    cosines, items = index.search(unit, k + 1)
    # An item is its own neighbour, unless as many copies of it came first.
    own = items == np.arange(len(unit))[:, None]
    own[~own.any(axis=1), -1] = True
    return items[~own].reshape(len(unit), k).astype(np.int32), cosines[~own].reshape(len(unit), k)


def _exact(unit: NDArray[np.float32]) -> faiss.Index:
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    return index


def _inverted_lists(unit: NDArray[np.float32]) -> faiss.Index:
    cells = int(4 * len(unit) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(unit.shape[1]), unit.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = 0
    index.nprobe = PROBED
    index.train(unit)
    index.add(unit)
    return index
