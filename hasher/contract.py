"""What a hashing method is to a study: a configuration it may sample, and a start that leads to an encoder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from hasher.encoders import Encoder
from hasher.errors import UserError, first_error

#: Fields of a configuration that a cell or the study as a whole decides: never fixed or sampled.
STUDY_FIELDS = ("bits", "epochs", "stop_after")


def only_where(**values: Any) -> dict[str, Any]:
    """For `pydantic.Field(json_schema_extra=…)`: the field means something only where others have these values.

    A value may be a tuple of several.
    """
    return {"only_where": {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}}


class MethodConfig(BaseModel):
    """Hyperparameters of one method, each a field with its default, range and description.

    Unknown names and values outside their range raise ``pydantic.ValidationError``; `parse` turns that into a
    `UserError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bits: int = Field(32, ge=1, le=4096, description="length of the hash code (b)")

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate `values`. Raises `UserError` where they are wrong; its message opens with `where` (a file)."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UserError(f"{where}: {first_error(error)}") from None

    @classmethod
    def applies(cls, field: str, values: Mapping[str, Any]) -> bool:
        """Whether a field means anything where others have these `values`; those not given may have any."""
        extra = cls.model_fields[field].json_schema_extra
        wanted = extra.get("only_where", {}) if isinstance(extra, dict) else {}
        assert isinstance(wanted, dict)
        return all(name not in values or values[name] in allowed for name, allowed in wanted.items())  # type: ignore[operator]


#: Fields of methods that are trained by gradient, of which each family has defaults of its own.
Start = Annotated[
    Literal["itq", "random"], Field(description="the untrained codes: those of ITQ, or of random weights")
]
Batches = Annotated[
    Literal["neighbourhood", "graph", "random"],
    Field(
        description="what a mini-batch is made of: leaves of neighbours, of neighbours by the graph of all training "
        "items, or items at random"
    ),
]
BatchSize = Annotated[int, Field(ge=2, description="items in a mini-batch (n)")]
LearningRate = Annotated[float, Field(gt=0, description="step size of Adam; with `one_cycle` its peak")]
Schedule = Annotated[
    Literal["one_cycle", "cosine", "constant"],
    Field(
        description="`one_cycle` raises the step size to its peak and lets it fall to nothing; `cosine` lets it fall"
    ),
]
Averaging = Annotated[
    float, Field(ge=0, lt=1, description="share of the encoder's moving average that a step keeps; 0: no average")
]
Epochs = Annotated[int, Field(ge=1, description="passes over the training items, which the schedule is laid out for")]


class TrainedConfig(MethodConfig):
    """What methods that are trained by gradient have in common."""

    start: Start = "itq"
    batches: Batches = "neighbourhood"
    leaf_size: int = Field(
        32, ge=1, description="items in a leaf of `neighbourhood` and `graph`, about (m)",
        json_schema_extra=only_where(batches=("neighbourhood", "graph")),
    )  # fmt: skip
    batch_size: BatchSize = 256
    learning_rate: LearningRate = 0.01
    schedule: Schedule = "one_cycle"
    averaging: Averaging = 0.9
    epochs: Epochs = 20
    stop_after: int | None = Field(None, ge=1, description="passes after which training stops all the same")

    @property
    def trained_epochs(self) -> int:
        """Passes that training makes."""
        return self.epochs if self.stop_after is None else min(self.stop_after, self.epochs)


@dataclass(frozen=True)
class EpochResult:
    """Mean losses of one epoch over its items, by name, ``loss`` being the whole; `epoch` counts from 1."""

    epoch: int
    losses: Mapping[str, float]
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the loss is no longer a finite number."""
        return not math.isfinite(self.losses["loss"])

    def as_row(self) -> dict[str, float]:
        """One row of a training curve."""
        return {"epoch": self.epoch, **self.losses, "seconds": self.seconds}


class Model(nn.Module):
    """What training changes and a file keeps: the encoder, and what only training has a use for."""

    encoder: Encoder


class Training(Protocol):
    """A method on its way from a start to an encoder."""

    epoch: int  #: epochs done

    @property
    def epochs(self) -> int:
        """Epochs that it makes; 0 where there is nothing to train, and the encoder is there from the start."""

    @property
    def encoder(self) -> Encoder:
        """The encoder as it would be used now."""

    @property
    def trained(self) -> Model:
        """The model with that encoder, to be saved."""

    def run_epoch(self) -> EpochResult:
        """One pass over the training items."""

    def state_dict(self) -> dict[str, Any]:
        """Everything `load_state_dict` needs to go on as if nothing had happened; tensors and numbers only."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which a training of the same configuration and data returned."""


class Method(ABC):
    """A hashing method.

    Attributes:
        name: in records, file names and search spaces: lower case.
        label: as tables have it.
        family: methods that are compared among each other; tables group by it.
        paper_name: as the HAGCN paper's tables print it, where that differs from `label`.
        has_randomness: whether anything in it depends on the seed.
        Config: its hyperparameters, those that a study may fix or sample.
        given: fields of the configuration that the method itself decides.
    """

    name: str
    label: str
    family: str
    paper_name: str | None = None
    has_randomness: bool = True
    Config: ClassVar[type[MethodConfig]] = MethodConfig
    given: Mapping[str, Any] = {}

    @abstractmethod
    def start(self, config: Any, features: NDArray[np.float32], seed: int, device: torch.device) -> Training:
        """Begin with training embeddings (n, d). The same seed, data and device give the same encoder."""

    @abstractmethod
    def model(self, config: Any, width: int) -> Model:
        """An untrained model for embeddings of `width` d, into which a saved state can be loaded."""

    def impossible(self, bits: int, items: int, width: int) -> str | None:
        """Why there is no code of `bits` bits of `items` training embeddings of `width` d; None where there is one."""
        return None

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Fields that a study may fix or sample, in the order of the configuration."""
        return tuple(
            name
            for name in self.Config.model_fields
            if name not in (*STUDY_FIELDS, *self.given) and self.Config.applies(name, self.given)
        )

    def settings(self, config: MethodConfig) -> dict[str, Any]:
        """What of a configuration means something for the method, as values that JSON can hold."""
        told = {*STUDY_FIELDS, *self.hyperparameters}
        return {name: value for name, value in config.model_dump().items() if name in told}

    @property
    def is_trained(self) -> bool:
        """Whether it is trained in epochs, of which the best is to be chosen."""
        return "epochs" in self.Config.model_fields

    def configure(self, values: Mapping[str, Any]) -> MethodConfig:
        """The configuration with these values. Raises ``pydantic.ValidationError``."""
        return self.Config.model_validate({**values, **self.given})

    def parse(self, values: Mapping[str, Any], where: str) -> MethodConfig:
        """`configure` as `MethodConfig.parse`."""
        return self.Config.parse({**values, **self.given}, where)


def epochs_left(training: Training) -> Iterator[EpochResult]:
    """The epochs that are left, one result each; ends early where the loss is no longer finite."""
    while training.epoch < training.epochs:
        result = training.run_epoch()
        yield result
        if result.diverged:
            return
