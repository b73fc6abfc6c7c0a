"""The five graph filters of the released code, with all that is odd in them.

Each takes P = D^-1/2 A D^-1/2 with A = 1 + Z1 Z1ᵀ/n (ones are added everywhere, not on the diagonal) for a graph's
Laplacian, though it is an adjacency: its smallest eigenvalues are the *highest* frequencies. All of them are
differentiated through P as well as Z1. The filters that are meant are those of `hasher.filters`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from hasher.filters.bspline import DEGREE, bspline_values
from hasher.graph import eigh

FilterName = Literal["spline", "lanczos", "chebyshev", "gcn", "fourier"]


class ReleasedFilter(nn.Module, ABC):
    """What stands between the continuous code and the decoder."""

    @abstractmethod
    def forward(self, propagation: Tensor, signals: Tensor, random: torch.Generator) -> Tensor:
        """P (n, n) and Z1 (n, w) → (n, w); `random`, of the CPU, is for what is drawn anew in every step."""


class GCNFilter(ReleasedFilter):
    """LayerNorm(P Z1 W + c): the only one with a layer norm, and with weights between channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixing = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, propagation: Tensor, signals: Tensor, random: torch.Generator) -> Tensor:
        filtered: Tensor = self.norm(self.mixing(propagation @ signals))
        return filtered


class OrderedFilter(ReleasedFilter):
    """A filter of an order K of at least `smallest_order`."""

    smallest_order: ClassVar[int] = 1

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order


class ChebyshevFilter(OrderedFilter):
    """Σ_{k=0..K} T_k(P) Z1: every coefficient is 1, and none is learned."""

    def forward(self, propagation: Tensor, signals: Tensor, random: torch.Generator) -> Tensor:
        before, last = signals, propagation @ signals
        filtered = before + last
        for _ in range(2, self.order + 1):
            before, last = last, 2 * (propagation @ last) - before
            filtered = filtered + last
        return filtered


class LanczosFilter(OrderedFilter):
    """V T Vᵀ Z1, of K Lanczos steps from one random vector, anew in every mini-batch.

    With α_i = v_iᵀ P v_i and β_i the length of what is left in step i, T has the α on its diagonal and, between α_i and
    α_{i+1}, β_{i+1}, where β_i belongs. T is a constant, V is not. Nothing orthogonalises anew: with many steps V is no
    basis, and its gradient grows beyond all bounds. More steps than items are left out.
    """

    def forward(self, propagation: Tensor, signals: Tensor, random: torch.Generator) -> Tensor:
        drawn = torch.randn(len(propagation), generator=random).to(propagation)
        vectors = [drawn / drawn.norm()]
        diagonal: list[Tensor] = []
        lengths: list[Tensor] = []
        for step in range(min(self.order, len(propagation))):
            product = propagation @ vectors[-1]
            along = vectors[-1] @ product
            left = product - along * vectors[-1]
            if step > 0:
                left = left - lengths[-1] * vectors[-2]
            length = left.norm()
            diagonal.append(along.detach())
            lengths.append(length.detach())
            vectors.append(left / length)
        basis = torch.stack(vectors[:-1], dim=1)
        beside = torch.stack(lengths)[1:]
        tridiagonal = torch.diag(torch.stack(diagonal)) + torch.diag(beside, 1) + torch.diag(beside, -1)
        return basis @ (tridiagonal @ (basis.T @ signals))


class EigenvectorFilter(OrderedFilter):
    """(Y Wᵀ + c) Uᵀ Z1 with Y (n, K) of the K smallest eigenvalues and eigenvectors U (n, K) of P.

    W (K, K) mixes eigenvectors, so the result depends on their signs, which are arbitrary. The decomposition is
    differentiated, which two equal eigenvalues make NaN: training then ends as diverged, as it does where P has no
    decomposition. Of more eigenvectors than items there are none, nor their rows of W and c.
    """

    def __init__(self, order: int) -> None:
        super().__init__(order)
        self.mixing = nn.Linear(order, order)

    @abstractmethod
    def synthesis(self, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
        """Y (n, m) of ascending eigenvalues (m,) and their eigenvectors (n, m)."""

    def forward(self, propagation: Tensor, signals: Tensor, random: torch.Generator) -> Tensor:
        eigenvalues, eigenvectors = eigh(propagation)
        count = min(self.order, len(eigenvalues))
        eigenvalues, eigenvectors = eigenvalues[:count], eigenvectors[:, :count]
        weight, bias = self.mixing.weight[:count, :count], self.mixing.bias[:count]
        mixed = functional.linear(self.synthesis(eigenvalues, eigenvectors), weight, bias)
        return mixed @ (eigenvectors.T @ signals)


class FourierFilter(EigenvectorFilter):
    """Y = U."""

    def synthesis(self, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
        return eigenvectors


class SplineFilter(EigenvectorFilter):
    """Y = U S, where S_ij = B_j(λ_i), K cubic B-splines on evenly spaced knots between the K eigenvalues' extremes.

    So the values of a basis are taken for weights that mix eigenvectors. The three outer knots of either end are
    differentiated, those between are not, nor is the last row of S. A mini-batch of fewer than four items has too few
    eigenvalues for a cubic: Y = U.
    """

    smallest_order = DEGREE + 1

    def synthesis(self, eigenvalues: Tensor, eigenvectors: Tensor) -> Tensor:
        count = len(eigenvalues)
        if count < self.smallest_order:
            return eigenvectors
        lowest, highest = eigenvalues[0], eigenvalues[-1]
        evenly = torch.linspace(0, 1, count - DEGREE + 1, dtype=torch.float64).to(eigenvalues)
        inner = lowest + (highest - lowest) * evenly
        knots = torch.cat([lowest.expand(DEGREE), inner.detach(), highest.expand(DEGREE)])
        at_highest = torch.eye(count)[-1:].to(knots)  # at the end of the knots only the last spline does not vanish
        return eigenvectors @ torch.cat([bspline_values(eigenvalues[:-1], knots), at_highest])


#: By name, in the order of the paper's tables; beside them there is "gcn", which has no order.
ORDERED_FILTERS: dict[str, type[OrderedFilter]] = {
    "spline": SplineFilter,
    "lanczos": LanczosFilter,
    "chebyshev": ChebyshevFilter,
    "fourier": FourierFilter,
}


def build_filter(name: FilterName, order: int, width: int) -> ReleasedFilter:
    """A filter with weights from torch's global generator, for Z1 of `width` w; `gcn` passes `order` over."""
    return GCNFilter(width) if name == "gcn" else ORDERED_FILTERS[name](order)


def propagation(similarity: Tensor) -> Tensor:
    """P = D^-1/2 A D^-1/2 of A = 1 + `similarity` (n, n), D being the sums of A's rows. NaN where one is negative."""
    adjacency = 1 + similarity
    scale = adjacency.sum(dim=1).rsqrt()
    return scale[:, None] * adjacency * scale
