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
    ae_width: int = Field(256, ge=1, description="width of the autoencoder's continuous code (w)")
    knn_size: int = Field(8, ge=1, description="neighbours an item is linked to in its mini-batch (k)")
    edge_power: float = Field(3.0, ge=0, description="exponent of the cosine in an edge's weight (p); 0: unweighted")
    edges: Literal["features", "features_and_codes"] = Field(
        "features", description="`features_and_codes` also weights an edge by the agreement of the two codes"
    )
    alpha: float = Field(1.0, gt=0, description="sharpness of the relaxed code tanh(alpha x)")
    lambda_rec: float = Field(0.01, ge=0, description="weight of the reconstruction loss")
    lambda_sim: float = Field(1.0, ge=0, description="weight of the similarity loss")
    lambda_quant: float = Field(0.1, ge=0, description="weight of the quantisation loss")
    lambda_bal: float = Field(0.1, ge=0, description="weight of the bit-balance loss")
    learning_rate: float = Field(2e-3, gt=0, description="step size of Adam")
    batch_size: int = Field(256, ge=2, description="items in a mini-batch (n)")
    epochs: int = Field(40, ge=1, description="passes over the training items")

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
