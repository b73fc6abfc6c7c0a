"""The numbers printed in the paper's tables."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "paper"
#: What the paper compares HAGCN with, on one data set.
_COMPETITORS_ON = "stl10"
#: Methods that build the paper's model as its released code does are named after its filters.
_RELEASED = "released_"


@dataclass(frozen=True)
class Competitor:
    """A method of the paper's comparison.

    `here` is its name in this project, None where it cannot take part for the reason `why`; `printed` has the paper's
    mAP by bits.
    """

    name: str
    here: str | None
    why: str
    printed: Mapping[int, float]


def printed_map(dataset: str) -> Mapping[tuple[str, int], float]:
    """The paper's mAP by (filter, bits); empty for a data set that it has no table of."""
    return _printed().get(dataset, {})


def printed_of(dataset: str, method: str) -> dict[int, float]:
    """What the paper prints of a method, by ascending bits: of the filter that it has, or of the competitor it is."""
    filter_name = method.removeprefix(_RELEASED)
    numbers = {bits: number for (name, bits), number in sorted(printed_map(dataset).items()) if name == filter_name}
    return numbers or next((dict(one.printed) for one in competitors(dataset) if one.here == method), {})


def competitors(dataset: str) -> list[Competitor]:
    """What the paper compares HAGCN with on a data set; empty where it compares nothing."""
    return list(_competitors()) if dataset == _COMPETITORS_ON else []


@functools.cache
def _printed() -> dict[str, dict[tuple[str, int], float]]:
    found: dict[str, dict[tuple[str, int], float]] = {}
    for row in _rows("filter_by_bits_map.csv"):
        found.setdefault(row["dataset"], {})[row["filter"], int(row["bits"])] = float(row["map"])
    return found


@functools.cache
def _competitors() -> tuple[Competitor, ...]:
    printed: dict[str, dict[int, float]] = {}
    for row in _rows("competitors_stl10_map.csv"):
        printed.setdefault(row["method"], {})[int(row["bits"])] = float(row["map"])
    return tuple(
        Competitor(row["method"], row["here"] or None, row["why"], printed[row["method"]])
        for row in _rows("competitors.csv")
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
