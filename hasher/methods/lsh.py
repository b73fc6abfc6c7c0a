"""`lsh`: signs of projections on random Gaussian directions (Charikar, STOC 2002)."""

from __future__ import annotations

import numpy as np

from hasher.contract import MethodConfig
from hasher.methods.linear import LinearMethod, Projection
from hasher.training.items import TrainingItems


class LSH(LinearMethod):
    """Two codes differ in a bit with a probability that is proportional to the angle of the embeddings."""

    name, label = "lsh", "LSH"

    def fit(self, items: TrainingItems, config: MethodConfig, seed: int) -> Projection:
        rng = np.random.default_rng(seed)
        return items.mean, rng.standard_normal((items.features.shape[1], config.bits), dtype=np.float32)
