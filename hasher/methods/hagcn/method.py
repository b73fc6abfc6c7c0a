"""HAGCN's six filters: six methods of one family, which share everything but the filter."""

from __future__ import annotations

from torch import Tensor

from hasher.filters import FILTERS, FilterFacts
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.model import HAGCN
from hasher.training.method import GradientMethod


class HAGCNMethod(GradientMethod):
    """HAGCN with the filter of one row of `hasher.filters.FILTERS`."""

    family = "HAGCN"
    Config = HAGCNConfig

    def __init__(self, name: str, facts: FilterFacts) -> None:
        self.name, self.label, self.paper_name = name, facts.label, facts.paper_name
        self.given = {"filter": name}

    def build(self, config: HAGCNConfig, mean: Tensor) -> HAGCN:
        return HAGCN(config, mean)


HAGCN_METHODS = tuple(HAGCNMethod(name, facts) for name, facts in FILTERS.items())
