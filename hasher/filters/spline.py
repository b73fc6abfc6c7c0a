"""`spline`: a learnable cubic spline of the Laplacian's eigenvalues ("Poly" in the paper)."""

import torch
from torch import Tensor, nn

from hasher.filters.base import SpectralFilter
from hasher.filters.bspline import bspline_basis, bspline_sites
from hasher.graph import Graph

#: The coefficients start from exp(-TIME λ).
TIME = 2.0


class SplineFilter(SpectralFilter):
    """h(λ) = Σ_j θ_j B_j(λ), cubic B-splines on [0, 2] (Bruna et al., ICLR 2014; Defferrard et al., NeurIPS 2016)."""

    def __init__(self, basis_size: int) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.exp(-TIME * bspline_sites(basis_size)).float())

    def response(self, eigenvalues: Tensor) -> Tensor:
        basis = bspline_basis(eigenvalues.flatten(), len(self.coefficients))
        return (basis @ self.coefficients.to(eigenvalues)).view_as(eigenvalues)

    def _modes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        return graph.eigenpairs()
