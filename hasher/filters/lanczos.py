"""`lanczos`: heat diffusion in the Krylov space of each item."""

import math

import torch
from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.filters.base import GraphFilter
from hasher.filters.heat import HEAT_TIME, Coefficients
from hasher.filters.krylov import krylov_arrays, krylov_rows
from hasher.graph import Graph, eigh

#: A Krylov vector shorter than this is rounding error of the ones before: the space is exhausted.
BREAKDOWN = 1e-6


class LanczosFilter(GraphFilter):
    """h(λ) = exp(-τλ) with learnable log τ, by K Lanczos steps (Susnjara et al. 2015; Liao et al., ICLR 2019).

    K steps from a signal x give V (n, K) and a tridiagonal T (K, K), and h(L) x ≈ ‖x‖ V h(T) e₁, exact for polynomials
    h of degree below K and for every h once the Krylov space is exhausted. With heat kernels the error falls like that
    of the best polynomial of degree K - 1.

    The signals are the n unit vectors, so column i of H is the response to an impulse at item i, and H Z follows by one
    product. Krylov spaces started from the columns of Z instead would make H Z non-linear in Z and different from the
    product with H. They depend on the graph alone, hence gradients reach τ only through h at the eigenvalues of T, and
    Z only through the product: both are finite whatever the graph. An impulse at i answered at j and one at j
    answered at i agree only up to the error of the approximation, so H is averaged with its transpose.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.log_time = Coefficients(torch.tensor([math.log(HEAT_TIME)]))

    def response(self, eigenvalues: Tensor) -> Tensor:
        """The ideal h(λ), which H approaches as K grows."""
        return torch.exp(-self.log_time().exp() * eigenvalues)

    def _operator(self, graph: Graph) -> Tensor:
        basis, ritz_values, ritz_vectors = self._krylov(graph.adjacency)
        # h(T) e₁ for every signal, in coordinates of its Krylov basis: (n, K)
        weights = ritz_vectors[:, :1] * self.response(1 - ritz_values)[:, None]
        coordinates = weights @ ritz_vectors.mT
        operator = (coordinates @ basis).squeeze(1)
        return (operator + operator.T) / 2

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        return krylov_arrays(graph, self.steps)

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemRows:
        return krylov_rows(arrays, items, self.response)

    @torch.no_grad()
    def _krylov(self, adjacency: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Lanczos on Â from all n unit vectors at once, with full re-orthogonalisation.

        A signal whose space is exhausted goes on with zero vectors, which leave h(T) e₁ as it is.

        Returns:
            Orthonormal bases (n, K, n), a signal's Krylov vectors in rows, and the eigenvalues (n, K) and
            eigenvectors (n, K, K) of T.
        """
        n = len(adjacency)
        basis = adjacency.new_zeros(n, self.steps, n)
        tridiagonal = adjacency.new_zeros(n, self.steps, self.steps)
        basis[:, 0].diagonal().fill_(1)
        for k in range(self.steps):
            residual = basis[:, k] @ adjacency if k else adjacency
            tridiagonal[:, k, k] = torch.linalg.vecdot(residual, basis[:, k])
            if k + 1 == self.steps:
                break
            found = basis[:, : k + 1]
            residual = residual.unsqueeze(1)
            for _ in range(2):  # classical Gram-Schmidt needs two passes (Giraud et al. 2005)
                residual = residual - (residual @ found.mT) @ found
            length = torch.linalg.vector_norm(residual, dim=2)
            length = length.where(length > BREAKDOWN, 0)
            basis[:, k + 1] = torch.where(length > 0, residual.squeeze(1) / length, 0)
            tridiagonal[:, k, k + 1] = tridiagonal[:, k + 1, k] = length.squeeze(1)
        return basis, *eigh(tridiagonal)
