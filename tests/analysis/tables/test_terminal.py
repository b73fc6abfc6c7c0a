"""Tables on terminals of any width: nothing is cut off, and every column is there once."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from analysis.tables.formats import to_terminal
from analysis.tables.table import Column, Table, count, number, text
from analysis.tables.terminal import parts

COLUMNS = [
    Column("trial", "Trial"), Column("state", "State", "left"),
    *(Column(f"x{place}", f"hyperparameter {place}") for place in range(14)), Column("error", "Error", "left"),
]  # fmt: skip
ROWS = [
    [count(index), text("complete, chosen"), *(number(index + place / 7) for place in range(14)),
     text("ZeroDivisionError: made to fail, in many words that may stand below each other")]
    for index in range(3)
]  # fmt: skip
TABLE = Table("trials", "Search trials", COLUMNS, ROWS, ["A note."], frozenset({2}))


@pytest.mark.parametrize("width", [50, 80, 120, 400])
def test_nothing_is_cut_off(width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    console.print(to_terminal(TABLE))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown and max(map(len, shown.splitlines())) <= width
    for row in ROWS:
        for entry in row[2:16]:
            assert re.search(rf"(?<![\d.]){re.escape(entry.text)}(?![\d.])", shown)
    assert shown.count("Search trials") == 1 and shown.count("A note.") == 1


@pytest.mark.parametrize("width", [1, 40, 80, 120, 400])
def test_every_column_is_in_one_part_and_the_first_in_all(width: int) -> None:
    found = list(parts(TABLE, width))
    assert all(part[0] == 0 for part in found)
    assert [place for part in found for place in part[1:]] == list(range(1, len(COLUMNS)))
    assert (len(found) == 1) == (width == 400)
