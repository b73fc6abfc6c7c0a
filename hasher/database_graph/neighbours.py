"""The nearest neighbours of every training item, by cosine or by distance."""

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


def nearest(
    vectors: NDArray[np.float32], k: int, metric: int = faiss.METRIC_INNER_PRODUCT
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The `k` nearest other items of each (n, d), nearest first: their numbers (n, k) and faiss's `metric` (n, k).

    That is the cosine where vectors have length 1, or with ``faiss.METRIC_L2`` the squared distance.

    Exact up to `EXACT` items; beyond, faiss's inverted lists, whose cells k-means finds with a fixed seed. Numbers are
    -1 where there are fewer others, or fewer in the cells looked into.
    """
    index = _exact(vectors, metric) if len(vectors) <= EXACT else _inverted_lists(vectors, metric)
    k = min(k, len(vectors) - 1)
    values, items = index.search(vectors, k + 1)
    # An item is its own neighbour, unless as many copies of it came first.
    own = items == np.arange(len(vectors))[:, None]
    own[~own.any(axis=1), -1] = True
    return items[~own].reshape(len(vectors), k).astype(np.int32), values[~own].reshape(len(vectors), k)


def _exact(vectors: NDArray[np.float32], metric: int = faiss.METRIC_INNER_PRODUCT) -> faiss.Index:
    index = faiss.IndexFlat(vectors.shape[1], metric)
    index.add(vectors)
    return index


def _inverted_lists(vectors: NDArray[np.float32], metric: int = faiss.METRIC_INNER_PRODUCT) -> faiss.Index:
    width, cells = vectors.shape[1], int(4 * len(vectors) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlat(width, metric), width, cells, metric)
    index.cp.seed = 0
    index.nprobe = PROBED
    index.train(vectors)
    index.add(vectors)
    return index
