"""The graph of a mini-batch: cosine nearest neighbours, and the normalised adjacency and Laplacian of graph filters."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

# What PyTorch cannot take of several graphs at once by itself is an operator with a rule for it (`torch.vmap`).

#: Laplacian eigenvalues closer than this count as one. Equal ones differ by the rounding of Â, about 1e-7 in float32.
SAME_EIGENVALUE = 1e-5
#: A row whose nearest has a smaller cosine has no neighbours to speak of.
LEAST_COSINE = 0.01
#: SciPy's BLAS has threads of its own. At the size of a mini-batch they gain nothing, and while PyTorch's threads still
#: spin they fight with them for the cores, which can triple the time of a step.
THREADPOOLS = ThreadpoolController()


@torch.no_grad()
def knn_graph(features: Tensor, k: int, edge_power: float) -> Tensor:
    """Weighted nearest-neighbour graph of the rows of `features`, by cosine similarity.

    Row i is linked to its k most similar other rows with weight (max(0, cos_ij) / sqrt(c_i c_j))^edge_power, c_i being
    the cosine with its nearest, and the result is symmetrised by the element-wise maximum. ``edge_power=0`` gives an
    unweighted graph: 1 where two rows are neighbours, whatever the sign of their cosine. A row of zeros has cosine 0
    with every other row.

    The scale of its own that each row has (Zelnik-Manor & Perona, NeurIPS 2004) lets mutual nearest neighbours have
    weight 1, that of a self loop, in any data. Without it, where the nearest have a cosine of 0.2, as in 256 dimensions
    they may, the third power leaves links of 0.008, a Laplacian of nothing, and filters that are all alike.

    Rows that tie with the k-th neighbour, up to rounding, are neighbours too, so a row may have more than k. Picking
    some of them by position would make the graph depend on the order of the mini-batch.

    Args:
        features: (n, d), floating point; n = 1 gives a graph without edges.
        k: neighbours per row, at least 1; clipped to n - 1.
        edge_power: exponent of the cosine, at least 0.

    Returns:
        (n, n) symmetric, non-negative, zero diagonal; device and dtype of `features`, without gradient.
    """
    n = features.shape[0]
    k = min(k, n - 1)
    if k == 0:
        return features.new_zeros(n, n)
    unit = torch.nn.functional.normalize(features, dim=1)
    cosine = unit @ unit.T
    cosine.diagonal().fill_(-torch.inf)
    kth_largest = _kth_largest(cosine, k)
    rounding = 8 * torch.finfo(cosine.dtype).eps
    linked = cosine >= kth_largest - rounding
    cosine = cosine.clamp(min=0)
    nearest = cosine.amax(dim=1).clamp(min=LEAST_COSINE).rsqrt_()
    weights = cosine.mul_(nearest).mul_(nearest[:, None]).clamp(max=1).pow_(edge_power) * linked
    return torch.maximum(weights, weights.T)


@torch.library.custom_op("hasher::kth_largest", mutates_args=())
def _kth_largest(matrix: Tensor, k: int) -> Tensor:
    """The k-th largest entry of every row: (…, n, m) → (…, n, 1)."""
    if matrix.device.type == "cpu":  # numpy's vectorised sort takes a sixth of the time of PyTorch's top-k there
        return torch.from_numpy(np.sort(matrix.numpy(), axis=-1)[..., -k, None])
    return matrix.topk(k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)


@_kth_largest.register_vmap
def _(info: Any, dims: tuple[int, None], matrix: Tensor, k: int) -> tuple[Tensor, int]:
    return _kth_largest(matrix.movedim(dims[0], 0), k), 0


@torch.no_grad()
def normalised_adjacency(weights: Tensor) -> Tensor:
    """Adjacency with self loops, Â = D^-1/2 (G + I) D^-1/2 (the renormalisation of Kipf & Welling, ICLR 2017).

    The Laplacian of every graph filter is L = I - Â; its eigenvalues lie in [0, 2).

    Args:
        weights: (n, n) symmetric, non-negative, zero diagonal (G).

    Returns:
        (n, n) symmetric; device and dtype of `weights`, without gradient.
    """
    looped = weights + torch.eye(weights.shape[0], dtype=weights.dtype, device=weights.device)
    # Summed in float64 and rounded once, a degree does not depend on the order of the rows: permuting the mini-batch
    # permutes Â exactly.
    scale = looped.sum(dim=1, dtype=torch.float64).rsqrt().to(weights.dtype)
    return scale[:, None] * looped * scale


def eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """`torch.linalg.eigh`, but a NaN, an infinity or iterations without an end give NaN, and no exception.

    So a training run that diverges is seen to do so by its loss, and by its own where several are side by side. Those
    have constant graphs: gradients are of one matrix alone.
    """
    return _eigh(matrix) if matrix.requires_grad else _eigh_of_constants(matrix)


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    if matrix.isfinite().all():
        with suppress(torch.linalg.LinAlgError):
            return torch.linalg.eigh(matrix)
    return matrix.new_full(matrix.shape[:-1], torch.nan), torch.full_like(matrix, torch.nan)


_eigh_of_constants = torch.library.custom_op("hasher::eigh", _eigh, mutates_args=())


@_eigh_of_constants.register_vmap
def _(info: Any, dims: tuple[int], matrix: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    stacked = matrix.movedim(dims[0], 0)
    eigenvalues, eigenvectors = _eigh(stacked)
    if eigenvalues.isnan().any():  # of one of them
        eigenvalues, eigenvectors = map(torch.stack, zip(*map(_eigh, stacked), strict=True))
    return (eigenvalues, eigenvectors), (0, 0)


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph of n nodes as its filters see it: a constant, through which no gradient flows.

    `adjacency` is Â (n, n), symmetric with eigenvalues in (-1, 1], as `normalised_adjacency` makes it; the Laplacian is
    L = I - Â.
    """

    adjacency: Tensor

    @torch.no_grad()
    def eigenpairs(self) -> tuple[Tensor, Tensor]:
        """All eigenvalues (n,) of L, in no particular order, and orthonormal eigenvectors (n, n) in columns."""
        eigenvalues, eigenvectors = eigh(self.adjacency)
        return 1 - eigenvalues, eigenvectors

    @torch.no_grad()
    def lowest_eigenpairs(self, count: int) -> tuple[Tensor, Tensor]:
        """The `count` smallest eigenvalues (m,) of L, those that tie with the last, and their eigenvectors (n, m).

        Which vectors stand for a repeated eigenvalue is arbitrary: taking only some of them would depend on the order
        of the nodes. `count` is at least 1, and clipped to n.
        """
        return _lowest_eigenpairs(self.adjacency, count)


@torch.library.custom_op("hasher::lowest_eigenpairs", mutates_args=())
def _lowest_eigenpairs(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`Graph.lowest_eigenpairs` of the Laplacian of Â (n, n)."""
    # In float64: a subspace of eigenvectors is as wrong as the rounding error divided by the gap to the next one.
    adjacency = matrix.double()
    count = min(count, len(adjacency))
    largest, eigenvectors = _largest_eigenpairs(adjacency, count + 1)
    if len(largest) == count + 1 and largest[-2] - largest[-1] <= SAME_EIGENVALUE:
        largest, eigenvectors = _largest_eigenpairs(adjacency, len(adjacency))
    taken = ~(largest < largest[count - 1] - SAME_EIGENVALUE)  # also takes NaN
    return (1 - largest[taken]).to(matrix.dtype), eigenvectors[:, taken].to(matrix.dtype)


@_lowest_eigenpairs.register_vmap
def _(info: Any, dims: tuple[int, None], matrix: Tensor, count: int) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    """As many pairs of each graph as of the one that has most: vectors of zeros, which no filter lets anything through,
    fill up the others."""
    pairs = [_lowest_eigenpairs(each, count) for each in matrix.movedim(dims[0], 0)]
    most = max(len(eigenvalues) for eigenvalues, _ in pairs)
    filled = [[torch.nn.functional.pad(part, (0, most - part.shape[-1])) for part in pair] for pair in pairs]
    eigenvalues, eigenvectors = map(torch.stack, zip(*filled, strict=True))
    return (eigenvalues, eigenvectors), (0, 0)


def _largest_eigenpairs(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` or more largest eigenvalues, descending, and their eigenvectors; all where there are not so many."""
    n = len(matrix)
    if matrix.device.type == "cpu" and count < n and matrix.isfinite().all():
        # LAPACK's partial decomposition, which PyTorch lacks, takes half the time of a full one.
        subset = (n - count, n - 1)
        with THREADPOOLS.limit(limits=1, user_api="blas"):
            pairs = scipy.linalg.eigh(matrix.numpy(), subset_by_index=subset, driver="evr", check_finite=False)
        eigenvalues, eigenvectors = map(torch.from_numpy, pairs)
    else:
        eigenvalues, eigenvectors = eigh(matrix)
    return eigenvalues.flip(0), eigenvectors.flip(1)
