"""`fourier`: the lowest frequencies of the graph with a learnable smooth gain."""

from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemModes
from hasher.filters.base import SpectralFilter
from hasher.filters.bspline import bspline, bspline_sites
from hasher.filters.heat import Coefficients, heat_kernel
from hasher.graph import Graph

#: Size of the gain's spline basis; with 4 it is one cubic polynomial.
GAIN_SIZE = 4


class FourierFilter(SpectralFilter):
    """The K lowest-frequency eigenvectors of L with gain h(λ) = Σ_j θ_j B_j(λ), a cubic on [0, 2]; the rest is cut.

    If the K-th and the next eigenvalues coincide, all of that frequency pass, so that equal frequencies are never told
    apart. θ starts as that of the spline filter.
    """

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.modes = modes
        self.coefficients = Coefficients(heat_kernel(bspline_sites(GAIN_SIZE)))

    def response(self, eigenvalues: Tensor) -> Tensor:
        """The gain h(λ); where it is cut depends on the graph."""
        return bspline(eigenvalues, self.coefficients())

    def _modes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        return graph.lowest_eigenpairs(self.modes)

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        eigenvalues, modes = graph.lowest_eigenpairs(self.modes)
        return DatabaseArrays((modes,), (eigenvalues,))

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemModes:
        (modes,) = arrays.take(items)
        return ItemModes(modes, self.response(arrays.common[0]))
