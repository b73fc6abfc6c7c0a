"""Figures of one width, so that a page can show them one below or beside the other: panels, labels and legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from analysis import style

#: Inches. A phone shows this at two thirds of its size, where 9 points can still be read.
WIDTH = 5.8
#: Labels that a place of the grid holds below each other, and characters of a label in one of two columns.
IN_ONE_COLUMN, LONG = 9, 18
#: Rows of a legend that a figure has room for, and inches of one more.
ROWS, ROW = 3, 0.19


def single(height: float = 4.2) -> tuple[Figure, Axes]:
    """A figure of one panel; heights are in inches."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


@dataclass(frozen=True)
class Facets:
    """A figure of panels, row by row, and the places of the grid they leave empty."""

    figure: Figure
    panels: list[Axes]
    empty: list[Axes]
    columns: int

    def label(self, x: str, y: str) -> None:
        """Name the axes: y at the left of each row, x under the lowest panel of each column."""
        for panel in self.panels[:: self.columns]:
            panel.set_ylabel(y)
        for panel in self.panels[-self.columns :]:
            panel.set_xlabel(x)

    def legend(self, handles: Sequence[Line2D], labels: Sequence[str]) -> None:
        """One legend for all panels: in an empty place where there is one that holds it, otherwise below them."""
        if self.empty and (len(labels) <= IN_ONE_COLUMN or _longest(labels) <= LONG):
            place = self.empty[-1]
            place.axis("off")
            place.legend(
                handles, labels, loc="center", ncols=1 if len(labels) <= IN_ONE_COLUMN else 2, handlelength=2.6
            )
        else:
            legend_below(self.figure, handles, labels)


def facets(titles: Sequence[str], height: float = 2.3, columns: int = 2, **subplots: Any) -> Facets:
    """A figure of one panel a title, `columns` beside each other, each row `height` inches.

    The rest of `subplots` goes to `Figure.subplots`.
    """
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    below = 0.0 if rows * columns > len(titles) else 0.5
    figure = Figure(figsize=(WIDTH, max(rows * height, 2.4) + below), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False, **subplots).flat)
    panels, empty = places[: len(titles)], places[len(titles) :]
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title)
    for panel in panels[-columns:]:  # with a shared x axis only the last row has its ticks, which may have a gap
        panel.tick_params(labelbottom=True)
    for place in empty:
        place.axis("off")
    return Facets(figure, panels, empty, columns)


def handle(look: style.Look, **changes: Any) -> Line2D:
    """A legend's sample of a look."""
    return Line2D([], [], **look.line_style(**changes))


def legend_below(figure: Figure, handles: Sequence[Line2D], labels: Sequence[str]) -> None:
    """A legend for the whole figure, under it; the figure grows by what the legend of many needs."""
    columns = 3 if max(map(len, labels)) > 14 or len(labels) in (3, 5, 6) else 4
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + ROW * max(0, rows - ROWS))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=2.6)


def _longest(labels: Sequence[str]) -> int:
    return max(len(line) for label in labels for line in label.splitlines())


def log_axis(panel: Axes) -> None:
    """A logarithmic x axis with plain numbers: 1, 2, 5, 10 … over a short range, powers of ten over a long one."""
    panel.set_xscale("log")
    low, high = panel.get_xlim()
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 120 * low else (1,)))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def whole_numbers(panel: Axes) -> None:
    """An x axis with ticks at whole numbers only."""
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def short(value: float) -> str:
    """A number for an axis: 200, 2k, 0.05."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
