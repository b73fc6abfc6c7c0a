"""What all graph filters share: a spectral response h and the linear operator H = h(L) it stands for."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemResponses
from hasher.graph import Graph


class GraphFilter(nn.Module, ABC):
    """A linear graph filter H = h(L) with few learnable scalars, the same for every channel.

    L is the Laplacian of a `hasher.graph.Graph`, with eigenvalues in [0, 2). Filters differ only in their response h.
    """

    @abstractmethod
    def response(self, eigenvalues: Tensor) -> Tensor:
        """h(λ) for eigenvalues λ of L, any shape; differentiable in the filter's parameters."""

    @abstractmethod
    def _operator(self, graph: Graph) -> Tensor:
        """H (n, n), symmetric, differentiable in the filter's parameters."""

    @abstractmethod
    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        """What `respond` needs of a graph too large for matrices; depends on no parameter."""

    @abstractmethod
    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemResponses:
        """The responses of `items` (n,) of that graph, differentiable in the filter's parameters."""

    def forward(self, graph: Graph, signals: Tensor) -> Tensor:
        """Filtered signals H Z (n, w), differentiable in the signals Z (n, w) and the filter's parameters."""
        return self._operator(graph) @ signals

    @torch.no_grad()
    def matrix(self, graph: Graph) -> Tensor:
        """H (n, n) without gradient."""
        return self._operator(graph)

    def apply_and_matrix(self, graph: Graph, signals: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` and `matrix` of the same graph, for less than both cost apart."""
        operator = self._operator(graph)
        return operator @ signals, operator.detach()


class SpectralFilter(GraphFilter):
    """A filter that works on eigenvectors of L. The decomposition is a constant and is never differentiated."""

    @abstractmethod
    def _modes(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """Eigenvalues (m,) and orthonormal eigenvectors (n, m) of L that the filter lets through, without gradient."""

    def _synthesis(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """U diag(h(λ)) (n, m), differentiable in the filter's parameters, and the analysis Uᵀ (m, n)."""
        eigenvalues, eigenvectors = self._modes(graph)
        return eigenvectors * self.response(eigenvalues), eigenvectors.T

    def _operator(self, graph: Graph) -> Tensor:
        synthesis, analysis = self._synthesis(graph)
        return synthesis @ analysis

    def forward(self, graph: Graph, signals: Tensor) -> Tensor:
        synthesis, analysis = self._synthesis(graph)
        return synthesis @ (analysis @ signals)

    def apply_and_matrix(self, graph: Graph, signals: Tensor) -> tuple[Tensor, Tensor]:
        synthesis, analysis = self._synthesis(graph)
        return synthesis @ (analysis @ signals), synthesis.detach() @ analysis
