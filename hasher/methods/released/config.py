"""The configuration of one hasher as the HAGCN paper's released code trains it."""

from __future__ import annotations

from pydantic import Field, model_validator

from hasher.contract import BatchSize, LearningRate, only_where
from hasher.methods.neural import NeuralConfig
from hasher.methods.released.filters import ORDERED_FILTERS, FilterName


class ReleasedConfig(NeuralConfig):
    """Hyperparameters of one released hasher; the defaults are those of its code."""

    filter: FilterName = "chebyshev"
    filter_order: int = Field(
        18, ge=1, description="order of the filter (K)", json_schema_extra=only_where(filter=tuple(ORDERED_FILTERS))
    )
    ae_width: int = Field(0, ge=0, description="width of the continuous code (w); 0: as wide as the embedding")
    batch_size: BatchSize = 128
    learning_rate: LearningRate = 0.0001
    lambda_hash: float = Field(
        0.0001, ge=0, description="weight of the hash loss, which grows with the square of the number of bits"
    )

    @model_validator(mode="after")
    def _check_order(self) -> ReleasedConfig:
        ordered = ORDERED_FILTERS.get(self.filter)
        if ordered is not None and self.filter_order < ordered.smallest_order:
            raise ValueError(
                f"filter_order: {self.filter} needs at least {ordered.smallest_order}, not {self.filter_order}"
            )
        return self
