"""A table for the terminal: whole columns only, in as many parts below each other as its width needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from analysis.tables.table import Entry, Mark, Table

_STYLES: dict[Mark, str] = {"": "", "best": "bold", "tied": "italic", "warning": "yellow"}
SIGNS: dict[Mark, str] = {"": "", "best": " *", "tied": " ~", "warning": " !"}
#: Columns that say what a row is, and begin every part.
_KEYS = ("method", "bits", "trial", "run")
#: Text in a column on the left may be broken into lines of this many characters; numbers never are.
_PROSE = 30
#: What a column takes beside its text: a space on both sides, and a line.
_BESIDE = 3


@dataclass(frozen=True)
class TerminalTable:
    """A `rich` renderable of a table without its title and notes."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for columns in parts(self.table, options.max_width):
            yield self._part(columns, options.max_width)

    def _part(self, columns: Sequence[int], width: int) -> RenderableType:
        shown = RichTable()
        fits = 1 + sum(_natural_width(self.table, place) + _BESIDE for place in columns) <= width
        for place in columns:
            column = self.table.columns[place]
            shown.add_column(column.heading, justify=column.align, width=None if fits else _width(self.table, place))
        for index, row in enumerate(self.table.rows):
            if index and index in self.table.rules:
                shown.add_section()
            shown.add_row(*(Text(_shown(row[place]), style=_STYLES[row[place].mark]) for place in columns))
        return shown


def parts(table: Table, width: int) -> Iterator[list[int]]:
    """The columns of each part, by place: those of `_KEYS` at the table's left in each, of the others as many as fit.

    Where not even one fits beside them it stands there all the same.
    """
    keys: list[int] = []
    while len(keys) < len(table.columns) and table.columns[len(keys)].name in _KEYS:
        keys.append(len(keys))
    taken = 1 + sum(_width(table, place) + _BESIDE for place in keys)
    part, used = list(keys), taken
    for place in range(len(keys), len(table.columns)):
        more = _width(table, place) + _BESIDE
        if len(part) > len(keys) and used + more > width:
            yield part
            part, used = list(keys), taken
        part.append(place)
        used += more
    yield part


def _width(table: Table, place: int) -> int:
    """The narrowest a column may be: no number and no word of its heading is broken."""
    column = table.columns[place]
    texts = [_shown(row[place]) for row in table.rows]
    longest = max(map(cell_len, texts), default=0)
    if column.align == "left" and column.name not in _KEYS:
        longest = max(min(longest, _PROSE), max((cell_len(word) for text in texts for word in text.split()), default=0))
    return max([longest, *(cell_len(word) for word in column.heading.split())])


def _natural_width(table: Table, place: int) -> int:
    """What a column takes with nothing in it broken."""
    return max(map(cell_len, [table.columns[place].heading, *(_shown(row[place]) for row in table.rows)]))


def _shown(entry: Entry) -> str:
    return entry.text + SIGNS[entry.mark]
