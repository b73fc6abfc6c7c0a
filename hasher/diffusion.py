"""Heat diffusion over the graph of the database: the ranking that a graph gives without any hashing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from hasher.database_graph.neighbours import unit_vectors
from hasher.training.items import TrainingItems

#: Neighbours of an item and of a query, and the exponent of their cosines. Like the rest of the diffusion they are the
#: same for every data set, so that no query has a say in them.
NEIGHBOURS, EDGE_POWER = 10, 3.0
#: How long heat spreads.
TIME = 3.0
#: Steps of the graph it spreads over. Of all walks, whose lengths are Poisson with mean `TIME`, 2e-5 are longer.
STEPS = 12
#: Decimals that rounding errors of single precision leave of a cosine, so that equal items tie.
COSINE_DECIMALS = 5


@dataclass(frozen=True, eq=False)
class Diffusion:
    """The graph of n items that heat spreads over.

    Attributes:
        mean: (d,), what items and queries are centred on.
        items: (n, d), centred and of length 1.
        adjacency: Â = D^-1/2 (G + I) D^-1/2 (n, n), symmetric.
    """

    mean: NDArray[np.float32]
    items: NDArray[np.float32]
    adjacency: scipy.sparse.csr_array

    @classmethod
    def over(cls, items: TrainingItems) -> Diffusion:
        """Over the graph that links each item to its nearest, as a hasher trained on them may have it."""
        mean = items.mean
        graph = items.graph(NEIGHBOURS, EDGE_POWER)
        return cls(mean, unit_vectors(items.features, mean), graph.adjacency.astype(np.float64))

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """How much heat of each query (q, d) reaches each item: (q, n), the more the better.

        A query is linked to its nearest items by weights a of max(0, cos)^p, normalised as the graph's are; the graph
        itself is left as it is without the query. Its heat is a exp(-tL), L = I - Â (Kondor & Lafferty 2002), as the
        terms up to `STEPS` of exp(-t) Σ_m t^m/m! a Â^m, of which none is negative.

        Items that no heat reaches come after all others in the order of their cosine, at which they score that less 2.
        """
        cosines = unit_vectors(queries, self.mean) @ self.items.T
        spread = np.exp(-TIME) * self._links(cosines).T.toarray()  # in columns: a row of Â meets all queries at once
        heat = spread.copy()
        for step in range(1, STEPS + 1):
            spread = self.adjacency @ spread
            spread *= TIME / step
            heat += spread
        return np.where(heat.T > 0, heat.T, np.round(cosines, COSINE_DECIMALS) - 2.0)

    def _links(self, cosines: NDArray[Any]) -> scipy.sparse.csr_array:
        """Normalised weights of the edges from queries to items: (q, n), sparse."""
        count = min(NEIGHBOURS, cosines.shape[1])
        nearest = np.argpartition(cosines, -count, axis=1)[:, -count:]
        weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), 0).astype(np.float64) ** EDGE_POWER
        looped = weights.sum(axis=1, keepdims=True) + 1
        loops = self.adjacency.diagonal()[nearest]  # an item's loop has weight 1, which leaves 1 / degree in Â
        values = weights * np.sqrt(loops / looped)
        starts = np.arange(0, nearest.size + 1, count)
        return scipy.sparse.csr_array((values.ravel(), nearest.ravel(), starts), shape=cosines.shape)
