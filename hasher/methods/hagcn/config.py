"""The configuration of one HAGCN hasher: everything that decides how it is built and trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from hasher.contract import TrainedConfig, only_where
from hasher.filters import FILTERS

_ORDERED = tuple(name for name, facts in FILTERS.items() if facts.order is not None)
_GRAPH = tuple(name for name in FILTERS if name != "none")


class HAGCNConfig(TrainedConfig):
    """Hyperparameters of one HAGCN hasher (symbols of the model in parentheses)."""

    filter: str = "chebyshev"
    filter_order: int | None = Field(
        None, ge=1, description="order of the filter (K); none for `none` and `gcn`",
        json_schema_extra=only_where(filter=_ORDERED),
    )  # fmt: skip
    ae_width: int = Field(512, ge=1, description="width of the autoencoder's continuous code (w)")
    graph: Literal["batch", "database"] = Field(
        "batch", description="what the filter looks at: the graph of a mini-batch, or that of all training items",
        json_schema_extra=only_where(filter=_GRAPH),
    )  # fmt: skip
    knn_size: int = Field(
        10, ge=1, description="neighbours an item is linked to in the graph (k)",
        json_schema_extra=only_where(filter=_GRAPH),
    )  # fmt: skip
    edge_power: float = Field(6.0, ge=0, description="exponent of the cosine in an edge's weight (p); 0: unweighted")
    edges: Literal["features", "features_and_codes"] = Field(
        "features", description="`features_and_codes` also weights an edge by the agreement of the two codes",
        json_schema_extra=only_where(filter=_GRAPH),
    )  # fmt: skip
    response_power: float = Field(
        1.0, gt=0, description="exponent of the target S: the larger, the more the most alike count alone",
        json_schema_extra=only_where(filter=_GRAPH),
    )  # fmt: skip
    input_noise: float = Field(
        0.0, ge=0, description="Gaussian noise added to what the encoder sees in training, as a share of its length"
    )
    alpha: float = Field(1.5, gt=0, description="sharpness of the relaxed code tanh(alpha x)")
    similarity_loss: Literal["ranking", "squared_error"] = Field(
        "ranking", description="what codes are asked for: to rank the alike first, or to agree as the target says"
    )
    temperature: float = Field(
        0.2, gt=0, description="of the ranking loss (τ): the smaller, the nearest count alone",
        json_schema_extra=only_where(similarity_loss="ranking"),
    )  # fmt: skip
    lambda_rec: float = Field(0.001, ge=0, description="weight of the reconstruction loss")
    lambda_sim: float = Field(1.0, ge=0, description="weight of the similarity loss")
    lambda_quant: float = Field(0.03, ge=0, description="weight of the quantisation loss")
    lambda_bal: float = Field(0.03, ge=0, description="weight of the bit-balance loss, all that it has")

    @field_validator("filter")
    @classmethod
    def _check_filter(cls, name: str) -> str:
        if name not in FILTERS:
            raise ValueError(f"no {name!r}, choose one of {', '.join(FILTERS)}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _fill_order(cls, values: Any) -> Any:
        """Give filters that have an order their default, and refuse an order where it means nothing."""
        if not isinstance(values, dict):
            return values
        name, order = values.get("filter", "chebyshev"), values.get("filter_order")
        facts = FILTERS.get(name) if isinstance(name, str) else None
        if facts is None:
            return values
        if facts.order is not None and order is None:
            return {**values, "filter_order": facts.order.default}
        if facts.order is None and order is not None:
            raise ValueError(f"filter_order: {name} has no order, leave it out")
        return values

    @model_validator(mode="after")
    def _check_order(self) -> HAGCNConfig:
        order = FILTERS[self.filter].order
        if order is not None and self.filter_order is not None and self.filter_order < order.smallest:
            raise ValueError(f"filter_order: {self.filter} needs at least {order.smallest}, not {self.filter_order}")
        return self

    @model_validator(mode="after")
    def _check_edges(self) -> HAGCNConfig:
        if self.edges == "features_and_codes" and self.graph == "database":
            raise ValueError("edges: features_and_codes needs the graph of a mini-batch, graph: batch")
        return self
