"""The embeddings a hasher is trained on, and what follows from them alone: shared by all trials of a machine."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.content_cache import ContentCache
from hasher.database_graph import DatabaseGraph, build_graph
from hasher.database_graph.neighbours import nearest, unit_vectors
from hasher.projections import Floats, PrincipalComponents, itq_rotation

#: Neighbours of an item, the exponent of their cosines, and the steps, of `TrainingItems.diffused`. The same for every
#: data set; found on validation queries of 400 Gaussian classes, where 1, 3 and 6 steps gave leaves in which two items
#: are of one class with probability 0.09, 0.38 and 0.45 (0.007 without).
NEIGHBOURS, EDGE_POWER, DIFFUSION_STEPS = 10, 3.0, 3


class TrainingItems:
    """`features` (n, d) float32, with their principal components and ITQ's rotations, each computed once."""

    def __init__(self, features: Floats) -> None:
        self.features = features
        self.cache = ContentCache(features)

    @cached_property
    def mean(self) -> Floats:
        """(d,)."""
        return self.features.mean(axis=0, dtype=np.float64).astype(np.float32)

    @cached_property
    def components(self) -> PrincipalComponents:
        """All d principal components."""

        def compute() -> list[NDArray[Any]]:
            found = PrincipalComponents.of(self.features)
            return [found.mean, found.variances, found.directions]

        return PrincipalComponents(*self.cache.get("components", 3, compute))

    def itq_rotation(self, bits: int, seed: int) -> Floats:
        """ITQ's rotation (bits, bits) of the first principal components; `bits` is at most min(n, d)."""

        def compute() -> list[NDArray[Any]]:
            return [itq_rotation(self.components.project(self.features, bits), seed)]

        return self.cache.get(f"itq-{bits}-{seed}", 1, compute)[0]

    def diffused(self) -> Floats:
        """Directions of the items (n, d) after `DIFFUSION_STEPS` averages over the nearest in the graph of them all.

        Where classes are many and noise is wide, no single direction tells two of them apart, and the leaves of a
        projection tree hold strangers. An item's nearest are mostly of its own class all the same, so averages of
        neighbours part where the items do not.
        """

        def compute() -> list[NDArray[Any]]:
            adjacency = self.graph(NEIGHBOURS, EDGE_POWER).adjacency.astype(np.float32)
            vectors = unit_vectors(self.features, self.mean)
            for _ in range(DIFFUSION_STEPS):
                vectors = adjacency @ vectors
            return [unit_vectors(vectors, np.zeros_like(self.mean))]

        return self.cache.get(f"diffused-{NEIGHBOURS}-{EDGE_POWER:g}-{DIFFUSION_STEPS}", 1, compute)[0]

    def nearest(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The `k` nearest others of every item and their cosines, (n, k) each; see `nearest`."""
        items, cosines = self.cache.get(f"nearest-{k}", 2, lambda: nearest(unit_vectors(self.features, self.mean), k))
        return items, cosines

    def graph(self, k: int, edge_power: float) -> DatabaseGraph:
        """The graph of all items that links each to its `k` nearest."""
        return build_graph(self.nearest(k), self.cache, edge_power)
