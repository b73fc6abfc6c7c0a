"""The numbers printed in the paper's tables."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from pathlib import Path

_TABLE = Path(__file__).parent / "paper" / "filter_by_bits_map.csv"


def printed_map(dataset: str) -> Mapping[tuple[str, int], float]:
    """The paper's mAP by (filter, bits); empty for a data set that it has no table of."""
    return _printed().get(dataset, {})


@functools.cache
def _printed() -> dict[str, dict[tuple[str, int], float]]:
    found: dict[str, dict[tuple[str, int], float]] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["dataset"], {})[row["filter"], int(row["bits"])] = float(row["map"])
    return found
