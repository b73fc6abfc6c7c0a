"""`chebyshev`: a learnable polynomial of the Laplacian in the Chebyshev basis."""

import math

import torch
from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.database_graph.kernels import chebyshev_terms
from hasher.filters.base import GraphFilter
from hasher.filters.heat import Coefficients, heat_kernel
from hasher.graph import Graph


class ChebyshevFilter(GraphFilter):
    """h(λ) = Σ_{k=0..K} θ_k T_k(λ - 1) (Defferrard et al., NeurIPS 2016), with λmax bounded by 2: L̃ = L - I = -Â.

    θ starts at the Chebyshev coefficients of the heat kernel.
    """

    def __init__(self, degree: int) -> None:
        super().__init__()
        self.coefficients = Coefficients(heat_kernel_coefficients(degree))

    def response(self, eigenvalues: Tensor) -> Tensor:
        terms = [torch.ones_like(eigenvalues), eigenvalues - 1]
        for _ in range(2, len(self.coefficients)):
            terms.append(2 * (eigenvalues - 1) * terms[-1] - terms[-2])
        return torch.tensordot(self.coefficients().to(eigenvalues), torch.stack(terms), dims=1)

    def forward(self, graph: Graph, signals: Tensor) -> Tensor:
        adjacency, coefficients = graph.adjacency, self.coefficients()
        before, last = signals, -(adjacency @ signals)
        filtered = coefficients[0] * before + coefficients[1] * last
        for coefficient in coefficients[2:]:
            before, last = last, torch.addmm(before, adjacency, last, beta=-1, alpha=-2)
            filtered = filtered + coefficient * last
        return filtered

    def _operator(self, graph: Graph) -> Tensor:
        # With the terms T_k(L̃) at hand as constants, H Z costs one product with Z and backward two, not K each.
        terms = self._terms(graph.adjacency)
        return torch.tensordot(self.coefficients().to(terms), terms, dims=1)

    @torch.no_grad()
    def _terms(self, adjacency: Tensor) -> Tensor:
        """T_0(L̃) … T_K(L̃), (K + 1, n, n)."""
        terms = adjacency.new_empty(len(self.coefficients), *adjacency.shape)
        terms[0].zero_().diagonal().fill_(1)
        terms[1].copy_(adjacency).neg_()
        for k in range(2, len(terms)):
            terms[k] = torch.addmm(terms[k - 2], adjacency, terms[k - 1], beta=-1, alpha=-2)
        return terms

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        degree, reached = len(self.coefficients) - 1, graph.reached()
        terms = graph.computed(f"chebyshev-{degree}", lambda: chebyshev_terms(graph.rows, reached, degree))
        return DatabaseArrays((reached, terms))

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemRows:
        columns, terms = arrays.take(items)
        values = torch.einsum("k,nks->ns", self.coefficients(), terms)
        return ItemRows(items, columns.long(), values, arrays.total)


def heat_kernel_coefficients(degree: int) -> Tensor:
    """Chebyshev coefficients (degree + 1,) of the heat kernel on λ in [0, 2], float64.

    By Chebyshev-Gauss quadrature with more nodes than float precision needs (Hammond et al., ACHA 2011).
    """
    nodes = 64
    angles = math.pi * (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    orders = torch.arange(degree + 1, dtype=torch.float64)
    coefficients = 2 / nodes * torch.cos(orders[:, None] * angles) @ heat_kernel(1 + torch.cos(angles))
    coefficients[0] /= 2
    return coefficients
