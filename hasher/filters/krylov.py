"""Functions of the Laplacian at one item of a large graph, in the Krylov space that its impulse spans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hasher.database_graph import DatabaseArrays, DatabaseGraph, DatabaseTensors, ItemRows
from hasher.database_graph.kernels import krylov_spaces


def krylov_arrays(graph: DatabaseGraph, steps: int) -> DatabaseArrays:
    """Items reached (n, s), bases V (n, K, s), and the eigenvalues (n, K) and eigenvectors (n, K, K) of T."""
    reached = graph.reached()
    basis, tridiagonal = graph.computed_all(f"krylov-{steps}", 2, lambda: krylov_spaces(graph.rows, reached, steps))
    return DatabaseArrays((reached, basis, *np.linalg.eigh(tridiagonal)))


def krylov_rows(arrays: DatabaseTensors, items: Tensor, response: Callable[[Tensor], Tensor]) -> ItemRows:
    """Rows V h(T) e₁ of h(L), exact for polynomials h of degree below K up to what the items reached leave out."""
    columns, basis, ritz_values, ritz_vectors = arrays.take(items)
    weights = ritz_vectors[:, 0] * response(1 - ritz_values)
    coordinates = torch.einsum("nkr,nr->nk", ritz_vectors, weights)
    return ItemRows(items, columns.long(), torch.einsum("nk,nks->ns", coordinates, basis), arrays.total)
