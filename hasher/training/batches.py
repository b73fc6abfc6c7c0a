"""Which items share a mini-batch: any, or neighbours with strangers. Either way an epoch has every item once.

An item learns from the others of its mini-batch. With ten classes any few hundred items hold neighbours of each; with
hundreds of classes they hold hardly one, and nearly every edge of their graph joins two classes.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: The most items a leaf may have, in leaf sizes.
LARGEST_LEAF = 1.5
#: Rows whose directions are gathered at a time on a GPU.
CHUNK = 16_384


def random_order(count: int, generator: torch.Generator) -> Tensor:
    """Items 0 … count - 1 in random order: int64 (count,), on the CPU."""
    return torch.randperm(count, generator=generator)


def neighbourhood_order(features: Tensor, leaf_size: int, generator: torch.Generator) -> Tensor:
    """Items leaf after leaf, the leaves of a random projection tree in random order: int64 (n,), on the CPU.

    A node's items are projected on the difference of two of them and cut at the median (Dasgupta & Freund, STOC 2008,
    whose directions are random ones; these follow the data), until at most `LARGEST_LEAF` · `leaf_size` are left.
    Sizes of leaves differ by one at most. A mini-batch cut from that order holds an item's neighbours, and strangers
    from the other leaves. Partitions of a given graph serve Cluster-GCN (Chiang et al., KDD 2019) in the same way;
    this needs no graph and costs O(n d log(n / leaf_size)).

    Args:
        features: (n, d) float32, n of at least 1.
        leaf_size: at least 1.
        generator: of the CPU; the same state gives the same order.
    """
    count = len(features)
    order = np.arange(count)  # node after node
    starts = np.array([0, count])
    while np.diff(starts).max() > max(1.0, LARGEST_LEAF * leaf_size):
        sizes = np.diff(starts)
        first, second = (_one_of_each(order, starts, generator) for _ in range(2))
        node = np.empty(count, dtype=np.int64)
        node[order] = np.repeat(np.arange(len(sizes)), sizes)
        order = np.lexsort((_projections(features, first, second, node), node))
        starts = np.sort(np.concatenate([starts, starts[:-1] + (sizes + 1) // 2]))
    leaves = np.split(order, starts[1:-1])
    shuffled = torch.randperm(len(leaves), generator=generator).tolist()
    return torch.from_numpy(np.concatenate([leaves[leaf] for leaf in shuffled]))


def cut(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Mini-batches of nearly equal size, at most `batch_size` items each, from an order of items (n,)."""
    return order.tensor_split(math.ceil(len(order) / batch_size))


def _one_of_each(order: NDArray[np.int64], starts: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.int64]:
    """A random item of every node."""
    sizes = np.diff(starts)
    share = torch.rand(len(sizes), generator=generator, dtype=torch.float64).numpy()
    return order[starts[:-1] + np.minimum((share * sizes).astype(np.int64), sizes - 1)]


def _projections(
    features: Tensor, first: NDArray[np.int64], second: NDArray[np.int64], node: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Every item's product with the direction of its node, from item `first` to item `second`: (n,)."""
    directions = features[torch.from_numpy(second)] - features[torch.from_numpy(first)]
    if features.device.type == "cpu":
        return _node_products(features.numpy(), directions.numpy(), node)
    where = torch.from_numpy(node).to(features.device)
    products = [
        torch.linalg.vecdot(rows, directions[nodes])
        for rows, nodes in zip(features.split(CHUNK), where.split(CHUNK), strict=True)
    ]
    return torch.cat(products).cpu().numpy()


@numba.njit(cache=True, nogil=True, fastmath=True)
def _node_products(
    features: NDArray[np.float32], directions: NDArray[np.float32], node: NDArray[np.int64]
) -> NDArray[np.float32]:
    """One read of the features; gathering a direction for each item would take several times as long."""
    count, width = features.shape
    products = np.empty(count, dtype=np.float32)
    for i in range(count):
        direction = directions[node[i]]
        total = np.float32(0)
        for j in range(width):
            total += features[i, j] * direction[j]
        products[i] = total
    return products
