"""`knnh`: ITQ's rotation of neighbour means (He, Wang & Wang, "K-nearest neighbors hashing", CVPR 2019)."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hasher.contract import MethodConfig
from hasher.database_graph.neighbours import nearest
from hasher.methods.linear import PrincipalMethod, Projection
from hasher.projections import Floats, itq_rotation
from hasher.training.items import TrainingItems


class KNNHConfig(MethodConfig):
    """ITQ's, and how many neighbours."""

    neighbours: int = Field(20, ge=0, description="other items whose mean stands for an item; 0: ITQ")


class KNNH(PrincipalMethod):
    """Items move towards their neighbours, so that the rotation cuts where few items are.

    The rotation alone sees the means. The authors' code also encodes the database by them, and changes items while
    others are still to be averaged; here every item is encoded by itself, and all means are those of the items as they
    were.
    """

    name, label = "knnh", "KNNH"
    Config = KNNHConfig

    def fit(self, items: TrainingItems, config: KNNHConfig, seed: int) -> Projection:
        components = items.components
        if config.neighbours == 0:
            rotation = items.itq_rotation(config.bits, seed)
        else:
            rotation = itq_rotation(_neighbour_means(items, config.bits, config.neighbours), seed)
        return components.mean, components.directions[:, : config.bits] @ rotation


def _neighbour_means(items: TrainingItems, bits: int, count: int) -> Floats:
    """Of the first principal components of each item's `count` nearest others by them: (n, bits)."""

    def compute() -> list[NDArray[Any]]:
        coordinates = items.components.project(items.features, bits)
        return [means_of(coordinates, nearest(coordinates, count, faiss.METRIC_L2)[0])]

    return items.cache.get(f"neighbour-means-{bits}-{count}", 1, compute)[0]


def means_of(coordinates: Floats, neighbours: NDArray[np.int32]) -> Floats:
    """Means (n, b) of the rows of `coordinates` (n, b) that `neighbours` (n, k) names; -1 names none.

    An item without neighbours stays where it is.
    """
    found = neighbours >= 0
    counts = found.sum(axis=1, keepdims=True, dtype=np.float32)
    sums = np.zeros_like(coordinates)
    for column in range(neighbours.shape[1]):
        sums += np.where(found[:, [column]], coordinates[neighbours[:, column]], 0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), coordinates)
