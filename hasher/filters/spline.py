"""`spline`: a learnable cubic spline of the Laplacian's eigenvalues ("Poly" in the paper)."""

from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.filters.base import SpectralFilter
from hasher.filters.bspline import bspline, bspline_sites
from hasher.filters.heat import Coefficients, heat_kernel
from hasher.filters.krylov import krylov_arrays, krylov_rows
from hasher.graph import Graph

#: Krylov steps in the place of an eigendecomposition, where the graph is too large for one.
STEPS = 10


class SplineFilter(SpectralFilter):
    """h(λ) = Σ_j θ_j B_j(λ), cubic B-splines on [0, 2] (Bruna et al., ICLR 2014; Defferrard et al., NeurIPS 2016).

    θ starts at the heat kernel's values at the splines' sites, which makes h decrease as the kernel does.
    """

    def __init__(self, basis_size: int) -> None:
        super().__init__()
        self.coefficients = Coefficients(heat_kernel(bspline_sites(basis_size)))

    def response(self, eigenvalues: Tensor) -> Tensor:
        return bspline(eigenvalues, self.coefficients())

    def _modes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        return graph.eigenpairs()

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        return krylov_arrays(graph, STEPS)

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemRows:
        return krylov_rows(arrays, items, self.response)
