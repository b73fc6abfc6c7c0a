"""`gcn`: h(λ) = 1 - λ, one hop of the normalised adjacency."""

from torch import Tensor

from hasher.filters.base import GraphFilter
from hasher.graph import Graph


class GCNFilter(GraphFilter):
    """The propagation of Kipf & Welling (ICLR 2017): H = Â, without free coefficients."""

    def response(self, eigenvalues: Tensor) -> Tensor:
        return 1 - eigenvalues

    def _operator(self, graph: Graph) -> Tensor:
        return graph.adjacency
