"""The released code's five filters: five methods of one family."""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from hasher.filters import FILTERS
from hasher.methods.released.config import ReleasedConfig
from hasher.methods.released.filters import FilterName
from hasher.methods.released.model import ReleasedHAGCN
from hasher.training.method import GradientMethod


class ReleasedMethod(GradientMethod):
    """HAGCN as released, with one of its filters.

    The paper's names for them stay with the filters of `hasher.methods.hagcn`.
    """

    family = "HAGCN as released"
    Config = ReleasedConfig

    def __init__(self, filter_name: FilterName) -> None:
        self.name, self.label = f"released_{filter_name}", f"{FILTERS[filter_name].label} (released)"
        self.given = {"filter": filter_name}

    def build(self, config: ReleasedConfig, mean: Tensor) -> ReleasedHAGCN:
        return ReleasedHAGCN(config, mean)


RELEASED_METHODS = tuple(ReleasedMethod(name) for name in get_args(FilterName))
