"""`pca_sign`: signs of the projections on the first principal components."""

from __future__ import annotations

from hasher.contract import MethodConfig
from hasher.methods.linear import PrincipalMethod, Projection
from hasher.training.items import TrainingItems


class PCASign(PrincipalMethod):
    """A bit a component, whatever its variance: later bits know less, and count as much."""

    name, label = "pca_sign", "PCA-sign"
    has_randomness = False

    def fit(self, items: TrainingItems, config: MethodConfig, seed: int) -> Projection:
        return items.components.mean, items.components.directions[:, : config.bits]
