"""`none`: h(λ) = 1, the ablation without a graph."""

import numpy as np
import torch
from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.filters.base import GraphFilter
from hasher.graph import Graph


class NoFilter(GraphFilter):
    """Passes signals on as they are; H is the identity."""

    def response(self, eigenvalues: Tensor) -> Tensor:
        return torch.ones_like(eigenvalues)

    def _operator(self, graph: Graph) -> Tensor:
        adjacency = graph.adjacency
        return torch.eye(len(adjacency), dtype=adjacency.dtype, device=adjacency.device)

    def forward(self, graph: Graph, signals: Tensor) -> Tensor:
        return signals

    def apply_and_matrix(self, graph: Graph, signals: Tensor) -> tuple[Tensor, Tensor]:
        return signals, self._operator(graph)

    def database_arrays(self, graph: DatabaseGraph) -> DatabaseArrays:
        return DatabaseArrays((np.arange(graph.adjacency.shape[0], dtype=np.int32)[:, None],))

    def respond(self, arrays: DatabaseTensors, items: Tensor) -> ItemRows:
        (own,) = arrays.take(items)
        return ItemRows(items, own.long(), torch.ones_like(own, dtype=torch.float32), arrays.total)
