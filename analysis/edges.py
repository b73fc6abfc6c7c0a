"""Chosen hyperparameters on the edge of the range they were searched in: the best value may lie beyond it.

Of two numbers either is an end, so that a single winner says nothing; `crowded` tells where most winners chose the same
one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from pydantic import ValidationError
from scipy import stats

from analysis.statistics.paired import ALPHA
from study.plan.dimensions import Dimension
from study.plan.spec import StudySpec

#: Share of a range, on its own scale, that counts as its edge.
MARGIN = 0.05
#: Distinct values below which a dimension is a choice, not a range with edges.
FEWEST_VALUES = 3


@dataclass(frozen=True)
class Edge:
    """A hyperparameter whose chosen value is at the `end` of its range."""

    name: str
    value: float
    end: Literal["lowest", "highest"]
    low: float
    high: float

    def in_words(self) -> str:
        return f"{self.name} = {self.value:g} is at the {self.end} end of {self.low:g} to {self.high:g}"


def edges(spec: StudySpec, method: str, chosen: Mapping[Any, Any]) -> list[Edge]:
    """The hyperparameters of a method's winner that sit on an edge, in the order of the space.

    Ranges are looked at on the scale they were sampled on; a categorical has edges where its choices are three numbers
    or more. A whole number below which a method takes none is no edge: there is nothing beyond it.
    """
    found = []
    for name, dimension in spec.space_for(method).items():
        value, ends = chosen.get(name), _ends(dimension)
        if ends is None or not _is_number(value):
            continue
        low, high = ends
        place = _place(float(value), low, high, dimension)
        natural = dimension.type == "int" and not _is_allowed(spec, method, name, int(low) - 1)
        if place <= MARGIN and not natural:
            found.append(Edge(name, float(value), "lowest", low, high))
        elif place >= 1 - MARGIN:
            found.append(Edge(name, float(value), "highest", low, high))
    return found


@dataclass(frozen=True)
class Crowded:
    """A choice of two numbers of which `count` of `total` winners chose the `end`, more than halves would by chance."""

    name: str
    value: float
    end: Literal["lowest", "highest"]
    count: int
    total: int

    def in_words(self) -> str:
        return f"{self.count} of {self.total} winners chose the {self.end} of the two values of {self.name}"


def crowded(spec: StudySpec, winners: Iterable[tuple[str, Mapping[Any, Any]]]) -> list[Crowded]:
    """The choices of two numbers on one side of which winners crowd, by a two-sided binomial test at the 5% level.

    `winners` are methods with what was chosen for them. A warning that comes once too often harms nobody, so the tests
    are not corrected for their number.
    """
    values: dict[tuple[str, float, float], list[float]] = {}
    for method, chosen in winners:
        for name, dimension in spec.space_for(method).items():
            choices = [float(one) for one in set(dimension.choices or []) if _is_number(one)]
            value = chosen.get(name)
            if len(choices) == 2 and _is_number(value):
                values.setdefault((name, min(choices), max(choices)), []).append(float(value))
    found = []
    for (name, low, high), chosen_values in values.items():
        count = chosen_values.count(high)
        if stats.binomtest(count, len(chosen_values)).pvalue < ALPHA:
            most = 2 * count > len(chosen_values)
            number = count if most else len(chosen_values) - count
            value = high if most else low
            found.append(Crowded(name, value, "highest" if most else "lowest", number, len(chosen_values)))
    return found


def _is_allowed(spec: StudySpec, method: str, name: str, value: int) -> bool:
    try:
        spec.configure(method, spec.bits[0], {name: value})
    except ValidationError:
        return False
    return True


def _is_number(value: Any) -> TypeGuard[float]:
    return not isinstance(value, bool | str) and value is not None and math.isfinite(value)


def _ends(dimension: Dimension) -> tuple[float, float] | None:
    """Lowest and highest value; None for a dimension without edges."""
    values: list[Any] = dimension.extremes
    if not all(_is_number(value) for value in values):
        return None
    low, high = float(min(values)), float(max(values))
    if dimension.type == "categorical":
        distinct = len(set(values))
    else:
        step = dimension.step or (1 if dimension.type == "int" else 0)
        distinct = int((high - low) / step + 1e-9) + 1 if step else FEWEST_VALUES
    return (low, high) if distinct >= FEWEST_VALUES and high > low else None


def _place(value: float, low: float, high: float, dimension: Dimension) -> float:
    """Where a value lies between the ends: 0 to 1, on the scale of the dimension."""
    if dimension.type == "categorical":  # an end or not: the choices between are no scale
        return {low: 0.0, high: 1.0}.get(value, 0.5)
    if dimension.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
