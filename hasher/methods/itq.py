"""`itq`: principal components rotated so that their signs lose least (Gong, Lazebnik, Gordo & Perronnin 2013)."""

from __future__ import annotations

from hasher.contract import MethodConfig
from hasher.methods.linear import PrincipalMethod, Projection
from hasher.training.items import TrainingItems


class ITQ(PrincipalMethod):
    """See `hasher.projections.itq_rotation`."""

    name, label = "itq", "ITQ"

    def fit(self, items: TrainingItems, config: MethodConfig, seed: int) -> Projection:
        components = items.components
        return components.mean, components.directions[:, : config.bits] @ items.itq_rotation(config.bits, seed)
