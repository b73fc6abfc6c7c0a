"""The numbers that a figure is drawn from, read off the figure: no drawing can differ from its table."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from hasher.csv_text import rows_to_csv

#: Series, x, y, the ends of the interval of y, and what a colour stands for.
Row = list[str]


def drawn_data(figure: Figure) -> str | None:
    """A CSV table of what is drawn under a label: lines, points with their intervals, bars and heat maps.

    A place that has a word on its axis is that word. None for a figure of pictures alone.
    """
    titles = {tuple(axes.get_position().bounds): axes.get_title() for axes in figure.axes if axes.get_title()}
    rows = []
    for axes in figure.axes:
        panel = titles.get(tuple(axes.get_position().bounds), "")
        rows += [[panel, *row] for row in _rows(axes)]
    if not rows:
        return None
    x, y = (next(filter(None, (_words(get(axes)) for axes in figure.axes)), name)
            for name, get in (("x", Axes.get_xlabel), ("y", Axes.get_ylabel)))  # fmt: skip
    head = ["panel", "series", x, y, "low", "high", "value"]
    kept = [place for place, _ in enumerate(head) if any(row[place] for row in rows)]
    return rows_to_csv([[row[place] for place in kept] for row in [head, *rows]])


def _rows(axes: Axes) -> Iterator[Row]:
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer) and container.lines[0] is not None:
            ends = [segment[:, 1] for segment in container.lines[2][0].get_segments()]
            yield from _points(axes, str(container.get_label()), np.asarray(container.lines[0].get_xydata()), ends)
        elif isinstance(container, BarContainer):
            for bar in container.patches:
                y, width = bar.get_y() + bar.get_height() / 2, bar.get_width()
                yield [str(container.get_label()), _number(width), _place(axes.yaxis, y), "", "", ""]
    for line in axes.lines:
        if not str(line.get_label()).startswith("_"):
            yield from _points(axes, str(line.get_label()), np.asarray(line.get_xydata()), [])
    for image in axes.images:
        values: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), float), math.nan)
        if values.ndim == 2:
            for (row, column), value in np.ndenumerate(values):
                yield ["", _place(axes.xaxis, column), _place(axes.yaxis, row), "", "", _number(value)]


def _points(axes: Axes, series: str, points: np.ndarray, ends: list[np.ndarray]) -> Iterator[Row]:
    places = [_place(axes.xaxis, x) for x, _ in points], [_place(axes.yaxis, y) for _, y in points]
    is_level = len(points) == 2 and len(set(zip(*places, strict=True))) == 1  # a mark that is drawn as a short line
    for place, (x, y) in enumerate(zip(*places, strict=True)):
        if is_level and place:
            return
        low, high = (_number(float(end)) for end in ends[place]) if ends else ("", "")
        yield [series, x, y, low, high, ""]


def _place(axis: Axis, value: float) -> str:
    """The word at a place of an axis of words, a number otherwise."""
    locator = axis.get_major_locator()
    places = np.asarray(locator()) if isinstance(locator, FixedLocator) else np.empty(0)
    if not len(places):
        return _number(value)
    nearest = int(np.argmin(np.abs(places - value)))
    return _words(axis.get_major_formatter()(places[nearest], nearest)) or _number(value)


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""


def _words(text: str) -> str:
    return " ".join(text.split())
