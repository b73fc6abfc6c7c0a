"""One sampled hyperparameter: its type, its range and the methods it exists for."""

from __future__ import annotations

import math
from typing import Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from study.plan.names import MethodNames

Value = bool | int | float | str
#: What the ends of a range may be: whole numbers that a float tells apart, and floats whose squares are floats.
_LARGEST = {"int": 2.0**53, "float": 1e150}


class Dimension(BaseModel):
    """`int` or `float` with `low`, `high` and optionally `log` or `step`; or `categorical` with `choices`.

    `methods` restricts it to the cells of those methods.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["int", "float", "categorical"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = Field(None, gt=0)
    choices: list[Value] | None = None
    methods: MethodNames | None = Field(None, min_length=1, validation_alias=AliasChoices("methods", "filters"))

    @model_validator(mode="after")
    def _check(self) -> Dimension:
        if self.type == "categorical":
            if not self.choices:
                raise ValueError("choices: a categorical needs at least one")
            if self.low is not None or self.high is not None or self.log or self.step is not None:
                raise ValueError("low, high, log and step: not for a categorical")
            return self
        if self.choices is not None:
            raise ValueError(f"choices: only for a categorical, not for {self.type}")
        if self.low is None or self.high is None:
            raise ValueError(f"low and high: both are needed for {self.type}")
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low > self.high:
            raise ValueError(f"low must not exceed high, not {self.low:g} and {self.high:g}")
        most = _LARGEST[self.type]
        if max(abs(self.low), abs(self.high)) > most:
            raise ValueError(f"low and high: at most {most:g} from 0, not {self.low:g} and {self.high:g}")
        if self.type == "int" and not all(
            value is None or value == int(value) for value in (self.low, self.high, self.step)
        ):
            raise ValueError("low, high and step: whole numbers for an int")
        if self.log and self.low <= 0:
            raise ValueError(f"low: above 0 on a log scale, not {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("step: not on a log scale")
        return self

    def applies_to(self, method: str) -> bool:
        return self.methods is None or method in self.methods

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        if self.type == "categorical":
            return CategoricalDistribution(self.choices or [])
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            return IntDistribution(int(low), int(high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(low, high, log=self.log, step=self.step)

    def contains(self, value: Value) -> bool:
        """Whether the dimension can take this value."""
        distribution = self.distribution
        try:
            return distribution._contains(distribution.to_internal_repr(value))
        except ValueError:
            return False

    @property
    def extremes(self) -> list[Value]:
        """The values to check before a study starts: both ends of a range, or every choice."""
        if self.type == "categorical":
            return list(self.choices or [])
        ends = [self.low or 0.0, self.high or 0.0]
        return [int(end) for end in ends] if self.type == "int" else list(ends)

    @property
    def points(self) -> int | None:
        """How many values the dimension has; None where there are infinitely many."""
        if self.type == "categorical":
            return len(self.choices or [])
        low, high = self.low or 0.0, self.high or 0.0
        if self.type == "int":
            return (int(high) - int(low)) // int(self.step or 1) + 1
        return None if self.step is None else int((high - low) / self.step + 1e-9) + 1

    @property
    def grid(self) -> list[Value]:
        """Every value of the dimension; of one with infinitely many, none."""
        if self.type == "categorical":
            return list(self.choices or [])
        low, step = self.low or 0.0, self.step or 1
        values = [low + step * place for place in range(self.points or 0)]
        return [int(value) for value in values] if self.type == "int" else list(values)


def distributions(space: dict[str, Dimension]) -> dict[str, BaseDistribution]:
    """A whole space as Optuna has it."""
    return {name: dimension.distribution for name, dimension in space.items()}
