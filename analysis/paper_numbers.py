"""The numbers printed in the paper's tables."""

from __future__ import annotations

import csv
from pathlib import Path

_TABLE = Path(__file__).parent / "paper" / "filter_by_bits_map.csv"


def printed_map(dataset: str) -> dict[tuple[str, int], float]:
    """The paper's mAP by (filter, bits); empty for a data set that it has no table of."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    return {(row["filter"], int(row["bits"])): float(row["map"]) for row in rows}
