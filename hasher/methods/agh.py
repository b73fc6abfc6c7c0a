"""`agh`: spectral hashing of an anchor graph, in one layer (Liu et al., "Hashing with graphs", ICML 2011)."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hasher.methods.anchors import AnchorConfig, AnchorMethod, Anchors, NearestAnchors

#: Of eigenvalues between 0 and 1, those below are rounding errors.
LEAST_EIGENVALUE = 1e-10


class AGHConfig(AnchorConfig):
    """The authors' settings; where anchors are no more than bits, there is one more than bits."""

    anchors: Anchors = 300
    nearest_anchors: NearestAnchors = 2


class AGH(AnchorMethod):
    """Signs of the smoothest functions on the graph in which items are linked through the anchors they share."""

    name, label = "agh", "AGH"
    Config = AGHConfig

    def impossible(self, bits: int, items: int, width: int) -> str | None:
        if bits < items:
            return None
        return f"{self.label} has no {bits}-bit code on this data, at most {items - 1} bits"

    def size(self, config: AGHConfig) -> int:
        return max(config.anchors, config.bits + 1)

    def values(
        self, graph: scipy.sparse.csr_array, anchors: NDArray[np.float32], config: AGHConfig, seed: int
    ) -> NDArray[np.floating]:
        return graph_functions(graph, config.bits)


def graph_functions(graph: scipy.sparse.csr_array, count: int) -> NDArray[np.float64]:
    """The values W (m, count) that anchors have in the smoothest functions of items, Y = Z W with Z = `graph` (n, m).

    Y's columns are eigenvectors of the items' graph A = Z Λ^-1 Z^T, Λ = diag(1^T Z), of the largest eigenvalues after
    the constant one's: 1^T Y = 0 and Y^T Y = n I. With M = Λ^-1/2 Z^T Z Λ^-1/2 = V Σ V^T, W = √n Λ^-1/2 V Σ^-1/2 (eq. 9
    of the paper). Where the graph falls apart, its eigenvalue 1 is a multiple one; the constant function is therefore
    taken out by name, not by its eigenvalue. Columns beyond the rank of Z are 0.
    """
    mass = graph.sum(axis=0)
    scale = np.divide(1, np.sqrt(mass), out=np.zeros_like(mass), where=mass > 0)
    scaled = scipy.sparse.csr_array(graph @ scipy.sparse.diags_array(scale))
    constant = np.sqrt(mass / mass.sum())
    kept = min(count, len(mass))
    with threadpool_limits(1):  # the same result on any machine
        matrix = (scaled.T @ scaled).toarray() - np.outer(constant, constant)
        eigenvalues, vectors = scipy.linalg.eigh(matrix, subset_by_index=[len(mass) - kept, len(mass) - 1])
    within = np.flatnonzero(eigenvalues > LEAST_EIGENVALUE)[::-1]
    values = np.zeros((len(mass), count))
    values[:, : len(within)] = vectors[:, within] / np.sqrt(eigenvalues[within])
    return np.sqrt(graph.shape[0]) * scale[:, None] * values
