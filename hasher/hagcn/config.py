"""The configuration of one hasher: everything that decides how it is built and trained."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hasher.errors import UserError

FilterName = Literal["none", "gcn", "chebyshev", "lanczos", "spline", "fourier"]
FILTER_NAMES: tuple[str, ...] = get_args(FilterName)

#: Default filter order per filter; filters without an order are absent. Degree for ``chebyshev``, Krylov steps for
#: ``lanczos``, basis functions for ``spline``, modes for ``fourier``.
DEFAULT_ORDERS: dict[str, int] = {"chebyshev": 3, "lanczos": 4, "spline": 8, "fourier": 16}
SMALLEST_ORDERS: dict[str, int] = {"chebyshev": 1, "lanczos": 1, "spline": 4, "fourier": 1}


class HasherConfig(BaseModel):
    """Hyperparameters of one HAGCN hasher (symbols of the model in parentheses).

    Unknown names and values outside their range raise ``pydantic.ValidationError``; `parse` turns that into a
    `UserError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: FilterName = "chebyshev"
    bits: int = Field(32, ge=1, le=4096, description="length of the hash code (b)")
    filter_order: int | None = Field(None, ge=1, description="order of the filter (K); none for `none` and `gcn`")
    ae_width: int = Field(512, ge=1, description="width of the autoencoder's continuous code (w)")
    start: Literal["itq", "random"] = Field(
        "itq", description="the untrained codes: those of ITQ, or of random weights"
    )
    graph: Literal["batch", "database"] = Field(
        "batch", description="what the filter looks at: the graph of a mini-batch, or that of all training items"
    )
    knn_size: int = Field(10, ge=1, description="neighbours an item is linked to in the graph (k)")
    edge_power: float = Field(6.0, ge=0, description="exponent of the cosine in an edge's weight (p); 0: unweighted")
    edges: Literal["features", "features_and_codes"] = Field(
        "features", description="`features_and_codes` also weights an edge by the agreement of the two codes"
    )
    alpha: float = Field(1.5, gt=0, description="sharpness of the relaxed code tanh(alpha x)")
    similarity_loss: Literal["ranking", "squared_error"] = Field(
        "ranking", description="what codes are asked for: to rank the alike first, or to agree as the target says"
    )
    temperature: float = Field(0.2, gt=0, description="of the ranking loss (τ): the smaller, the nearest count alone")
    lambda_rec: float = Field(0.001, ge=0, description="weight of the reconstruction loss")
    lambda_sim: float = Field(1.0, ge=0, description="weight of the similarity loss")
    lambda_quant: float = Field(0.03, ge=0, description="weight of the quantisation loss")
    lambda_bal: float = Field(0.03, ge=0, description="weight of the bit-balance loss, all that it has")
    batches: Literal["neighbourhood", "random"] = Field(
        "neighbourhood", description="what a mini-batch is made of: leaves of neighbours, or items at random"
    )
    leaf_size: int = Field(32, ge=1, description="items in a leaf of `neighbourhood`, about (m)")
    batch_size: int = Field(256, ge=2, description="items in a mini-batch (n)")
    learning_rate: float = Field(0.01, gt=0, description="step size of Adam; with `one_cycle` its peak")
    schedule: Literal["one_cycle", "constant"] = Field(
        "one_cycle", description="`one_cycle` raises the step size to its peak and lets it fall to nothing"
    )
    averaging: float = Field(
        0.9, ge=0, lt=1, description="share of the encoder's moving average that a step keeps; 0: no average"
    )
    epochs: int = Field(20, ge=1, description="passes over the training items, which the schedule is laid out for")
    stop_after: int | None = Field(None, ge=1, description="passes after which training stops all the same")

    @model_validator(mode="before")
    @classmethod
    def _fill_order(cls, values: Any) -> Any:
        """Give filters that have an order their default, and refuse an order where it means nothing."""
        if not isinstance(values, dict):
            return values
        name, order = values.get("filter", "chebyshev"), values.get("filter_order")
        if name in DEFAULT_ORDERS and order is None:
            return {**values, "filter_order": DEFAULT_ORDERS[name]}
        if name not in DEFAULT_ORDERS and name in FILTER_NAMES and order is not None:
            raise ValueError(f"filter_order: {name} has no order, leave it out")
        return values

    @model_validator(mode="after")
    def _check_order(self) -> "HasherConfig":
        smallest = SMALLEST_ORDERS.get(self.filter)
        if smallest is not None and self.filter_order is not None and self.filter_order < smallest:
            raise ValueError(f"filter_order: {self.filter} needs at least {smallest}, not {self.filter_order}")
        return self

    @model_validator(mode="after")
    def _check_edges(self) -> "HasherConfig":
        if self.edges == "features_and_codes" and self.graph == "database":
            raise ValueError("edges: features_and_codes needs the graph of a mini-batch, graph: batch")
        return self

    @property
    def trained_epochs(self) -> int:
        """Passes that training makes."""
        return self.epochs if self.stop_after is None else min(self.stop_after, self.epochs)

    @classmethod
    def parse(cls, values: dict[str, Any], where: str) -> "HasherConfig":
        """Validate `values`. Raises `UserError` where they are wrong; its message opens with `where` (a file)."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise UserError(f"{where}: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    """The first problem of a pydantic error as one line, ``key: what is wrong, and the value found``."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key"
    elif not problem["type"].startswith("value_error"):
        message += f", not {problem['input']!r}"
    return f"{key}: {message}" if key else message
