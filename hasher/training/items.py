"""The embeddings a hasher is trained on, and what follows from them alone: shared by all trials of a machine."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.content_cache import ContentCache
from hasher.database_graph import DatabaseGraph, build_graph
from hasher.projections import Floats, PrincipalComponents, itq_rotation


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

    def graph(self, k: int, edge_power: float) -> DatabaseGraph:
        """The graph of all items that links each to its `k` nearest."""
        return build_graph(self.features, self.mean, self.cache, k, edge_power)
