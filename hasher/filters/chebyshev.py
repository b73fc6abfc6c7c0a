"""`chebyshev`: a learnable polynomial of the Laplacian in the Chebyshev basis."""

import math

import torch
from torch import Tensor, nn

from hasher.filters.base import GraphFilter
from hasher.graph import Graph

#: Diffusion time of the heat kernel exp(-TIME λ) that the coefficients start from.
TIME = 2.0


class ChebyshevFilter(GraphFilter):
    """h(λ) = Σ_{k=0..K} θ_k T_k(λ - 1) (Defferrard et al., NeurIPS 2016), with λmax bounded by 2: L̃ = L - I = -Â.

    θ starts at the Chebyshev coefficients of the heat kernel exp(-2λ).
    """

    def __init__(self, degree: int) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(heat_kernel_coefficients(degree, TIME))

    def response(self, eigenvalues: Tensor) -> Tensor:
        terms = [torch.ones_like(eigenvalues), eigenvalues - 1]
        for _ in range(2, len(self.coefficients)):
            terms.append(2 * (eigenvalues - 1) * terms[-1] - terms[-2])
        return torch.tensordot(self.coefficients.to(eigenvalues), torch.stack(terms), dims=1)

    def forward(self, graph: Graph, signals: Tensor) -> Tensor:
        adjacency = graph.adjacency
        before, last = signals, -(adjacency @ signals)
        filtered = self.coefficients[0] * before + self.coefficients[1] * last
        for coefficient in self.coefficients[2:]:
            before, last = last, torch.addmm(before, adjacency, last, beta=-1, alpha=-2)
            filtered = filtered + coefficient * last
        return filtered

    def _operator(self, graph: Graph) -> Tensor:
        # With the terms T_k(L̃) at hand as constants, H Z costs one product with Z and backward two, not K each.
        terms = self._terms(graph.adjacency)
        return torch.tensordot(self.coefficients.to(terms), terms, dims=1)

    @torch.no_grad()
    def _terms(self, adjacency: Tensor) -> Tensor:
        """T_0(L̃) … T_K(L̃), (K + 1, n, n)."""
        terms = adjacency.new_empty(len(self.coefficients), *adjacency.shape)
        torch.eye(len(adjacency), out=terms[0])
        torch.neg(adjacency, out=terms[1])
        for k in range(2, len(terms)):
            torch.addmm(terms[k - 2], adjacency, terms[k - 1], beta=-1, alpha=-2, out=terms[k])
        return terms


def heat_kernel_coefficients(degree: int, time: float) -> Tensor:
    """Chebyshev coefficients (degree + 1,) of exp(-time λ) on λ in [0, 2].

    By Chebyshev-Gauss quadrature with more nodes than float precision needs (Hammond et al., ACHA 2011, eq. 55).
    """
    nodes = 64
    angles = math.pi * (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    orders = torch.arange(degree + 1, dtype=torch.float64)
    kernel = torch.exp(-time * (1 + torch.cos(angles)))
    coefficients = 2 / nodes * torch.cos(orders[:, None] * angles) @ kernel
    coefficients[0] /= 2
    return coefficients.float()
