"""HAGCN's six filters: six methods of one family, which share everything but the filter."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hasher.contract import Method
from hasher.filters import FILTERS, FilterFacts
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.model import HAGCN
from hasher.training.items import TrainingItems
from hasher.training.loop import GradientTraining


class HAGCNMethod(Method):
    """HAGCN with the filter of one row of `hasher.filters.FILTERS`."""

    family = "HAGCN"
    Config = HAGCNConfig

    def __init__(self, name: str, facts: FilterFacts) -> None:
        self.name, self.label, self.paper_name = name, facts.label, facts.paper_name
        self.given = {"filter": name}

    def start(
        self, config: HAGCNConfig, features: NDArray[np.float32], seed: int, device: torch.device
    ) -> GradientTraining:
        return start_hagcn(config, features, seed, device)

    def model(self, config: HAGCNConfig, width: int) -> HAGCN:
        return HAGCN(config, torch.zeros(width))


def start_hagcn(
    config: HAGCNConfig, features: NDArray[np.float32], seed: int, device: torch.device
) -> GradientTraining:
    """`HAGCNMethod.start` of the filter that the configuration names."""
    items = TrainingItems(np.require(features, np.float32, ["C", "W"]))  # torch takes none that is read-only
    return GradientTraining(lambda: HAGCN(config, torch.from_numpy(items.mean)), items, config, seed, device)


HAGCN_METHODS = tuple(HAGCNMethod(name, facts) for name, facts in FILTERS.items())
