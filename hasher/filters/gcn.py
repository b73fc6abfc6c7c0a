"""`gcn`: h(λ) = 1 - λ, one hop of the normalised adjacency."""

from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.database_graph.kernels import chebyshev_terms
from hasher.filters.base import GraphFilter
from hasher.graph import Graph


class GCNFilter(GraphFilter):
    """The propagation of Kipf & Welling (ICLR 2017): H = Â, without free coefficients."""

    def response(self, eigenvalues: Tensor) -> Tensor:
        return 1 - eigenvalues

    def _operator(self, graph: Graph) -> Tensor:
        return graph.adjacency

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        reached = graph.reached()
        return DatabaseArrays((reached, -graph.computed("hop", lambda: chebyshev_terms(graph.rows, reached, 1))[:, 1]))

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemRows:
        columns, values = arrays.take(items)
        return ItemRows(items, columns.long(), values, arrays.total)
