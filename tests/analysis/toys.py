"""A method of another package: searched, though without epochs, and in a family of its own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hasher.contract import MethodConfig
from hasher.methods.linear import LinearMethod, Projection
from hasher.training.items import TrainingItems


class WhiteConfig(MethodConfig):
    floor: float = Field(0.1, gt=0, description="share of the largest variance that is added to each")


class White(LinearMethod):
    """Never started here: its records are fabricated."""

    name, label, family = "white", "Whitened", "Toys"
    Config = WhiteConfig

    def fit(self, items: TrainingItems, config: Any, seed: int) -> Projection:
        raise NotImplementedError
