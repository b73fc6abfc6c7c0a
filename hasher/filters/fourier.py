"""`fourier`: the lowest frequencies of the graph with a learnable smooth gain."""

import torch
from torch import Tensor, nn

from hasher.filters.base import SpectralFilter
from hasher.filters.bspline import bspline_basis, bspline_sites
from hasher.graph import Graph

#: Size of the gain's basis: with 4 splines it is one cubic polynomial.
GAIN_SIZE = 4
#: The gain starts from exp(-TIME λ).
TIME = 1.0


class FourierFilter(SpectralFilter):
    """The K lowest-frequency eigenvectors of L with gain g(λ) = Σ_j θ_j B_j(λ), a cubic on [0, 2]; the rest is cut.

    If the K-th and the next eigenvalues coincide, all of that frequency pass, so that a filter never tells equal
    frequencies apart.
    """

    def __init__(self, modes: int) -> None:
        super().__init__()
        self.modes = modes
        self.coefficients = nn.Parameter(torch.exp(-TIME * bspline_sites(GAIN_SIZE)).float())

    def response(self, eigenvalues: Tensor) -> Tensor:
        """The gain; where it is cut depends on the graph."""
        basis = bspline_basis(eigenvalues.flatten(), GAIN_SIZE)
        return (basis @ self.coefficients.to(eigenvalues)).view_as(eigenvalues)

    def _modes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        return graph.lowest_eigenpairs(self.modes)
