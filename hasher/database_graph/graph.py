"""The graph of all training items, the part of it that each item sees, and its lowest frequencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from hasher.content_cache import ContentCache
from hasher.database_graph.kernels import Rows, reached_items
from hasher.graph import LEAST_COSINE

#: Items that an item's responses are told of: those that diffusion from it reaches most. It bounds the memory of a
#: filter's responses, at 4 · ENTRIES bytes an item and basis function: 461 MB for 100,000 items and nine of them.
ENTRIES = 128
#: Items a step of that diffusion goes on from.
SUPPORT = 512
#: Steps of it.
STEPS = 6


@dataclass(frozen=True, eq=False)
class DatabaseGraph:
    """A kNN graph of n items as `hasher.graph` builds it of a mini-batch: Â = D^-1/2 (G + I) D^-1/2.

    Attributes:
        adjacency: Â (n, n), sparse.
        name: tells it from other graphs of the same items.
        cache: where what follows from it is kept.
    """

    adjacency: scipy.sparse.csr_array
    name: str
    cache: ContentCache

    @property
    def rows(self) -> Rows:
        """Â as its kernels take it."""
        return Rows(self.adjacency.indptr, self.adjacency.indices, self.adjacency.data)

    def computed(self, name: str, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """An array that follows from this graph and `name`, from the cache where it is there."""
        return self.computed_all(name, 1, lambda: [compute()])[0]

    def computed_all(self, name: str, count: int, compute: Callable[[], Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
        """`count` arrays that follow from this graph and `name`, from the cache where they are there."""
        return self.cache.get(f"{self.name}-{name}", count, compute)

    def reached(self) -> NDArray[np.int32]:
        """The items each item's responses are told of, itself first: (n, s), -1 where there are not so many."""
        entries = min(ENTRIES, self.adjacency.shape[0])
        return self.computed("reached", lambda: reached_items(self.rows, entries, SUPPORT, STEPS))

    def lowest_eigenpairs(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The `count` smallest eigenvalues (m,) of L = I - Â, ascending, and their eigenvectors (n, m).

        By implicitly restarted Lanczos (ARPACK). `count` is clipped to n - 1. Of a repeated eigenvalue at the end, only
        some vectors may be there.
        """

        def compute() -> list[NDArray[np.float32]]:
            n = self.adjacency.shape[0]
            start = np.random.default_rng(0).standard_normal(n)
            largest, vectors = scipy.sparse.linalg.eigsh(
                self.adjacency.astype(np.float64), k=min(count, n - 1), which="LA", v0=start, tol=1e-6
            )
            return [(1 - largest[::-1]).astype(np.float32), vectors[:, ::-1].astype(np.float32)]

        eigenvalues, vectors = self.computed_all(f"modes-{count}", 2, compute)
        return eigenvalues, vectors


def build_graph(
    neighbours: tuple[NDArray[np.int32], NDArray[np.float32]], cache: ContentCache, edge_power: float
) -> DatabaseGraph:
    """The graph that links each of n items to its nearest, as `hasher.database_graph.neighbours.nearest` has them:
    their numbers and cosines, (n, k) each.

    Weights are those of `hasher.graph.knn_graph`.
    """
    items, cosines = neighbours
    count = len(items)
    found = items >= 0
    starts = np.repeat(np.arange(len(items)), items.shape[1]).reshape(items.shape)[found]
    own = 1 / np.sqrt(np.maximum(cosines.max(axis=1), LEAST_COSINE))
    weights = np.minimum(np.maximum(cosines[found], 0) * own[starts] * own[items[found]], 1) ** np.float32(edge_power)
    directed = scipy.sparse.csr_array((weights, (starts, items[found])), shape=(count, count))
    looped = directed.maximum(directed.T) + scipy.sparse.eye_array(count, dtype=np.float32)
    scale = scipy.sparse.diags_array(1 / np.sqrt(looped.sum(axis=1, dtype=np.float64)).astype(np.float32))
    adjacency = scipy.sparse.csr_array(scale @ looped @ scale)
    adjacency.sort_indices()
    return DatabaseGraph(adjacency, f"graph-{items.shape[1]}-{edge_power:g}", cache)
