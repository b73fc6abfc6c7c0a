"""A table before it is written as anything: what Markdown, CSV, LaTeX, HTML and the terminal all start from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from analysis.wording import decimals

#: What stands for a result that is not there.
MISSING = "–"

Mark = Literal["", "best", "tied", "warning"]


@dataclass(frozen=True)
class Entry:
    """One entry: `text` for readers, and `raw` for the CSV file where that is to hold something else."""

    text: str
    raw: str | None = None
    mark: Mark = ""

    @property
    def in_csv(self) -> str:
        return self.text if self.raw is None else self.raw


@dataclass(frozen=True)
class Column:
    """A column's name in the CSV file, and its heading for readers."""

    name: str
    heading: str
    align: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Table:
    """A titled table with notes under it.

    Attributes:
        name: distinguishes the table's files from those of others of the data set; empty for the main table.
        rules: rows before which a line is drawn.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]
    notes: Sequence[str] = ()
    rules: frozenset[int] = field(default_factory=frozenset)


def text(value: str) -> Entry:
    """A word; nothing at all is missing."""
    return Entry(value or MISSING)


def number(value: float | None, digits: int = 3, signed: Literal["", "+"] = "") -> Entry:
    """A number with this many decimals, and up to nine in the CSV file; NaN and None are missing."""
    if value is None or not math.isfinite(value):
        return Entry(MISSING)
    return Entry(decimals(value, digits, signed), f"{value:.9g}")


def count(value: int) -> Entry:
    """A whole number."""
    return Entry(str(value))


def with_spread(mean: float, spread: float, mark: Mark = "") -> Entry:
    """Mean ± standard deviation; the mean alone where there is no deviation; missing without a mean."""
    if not math.isfinite(mean):
        return Entry(MISSING)
    shown = decimals(mean)
    return Entry(f"{shown} ± {decimals(spread)}" if math.isfinite(spread) else shown, mark=mark)


def p_value(value: float) -> str:
    """A p-value as text: three decimals, and no smaller than that can tell."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
