"""The score by method and code length: the study's main result, as lines and as a heat map."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.highlight import MOST_ROWS
from analysis.names import family_starts, label
from analysis.paper_numbers import printed_of
from analysis.results import DatasetResults
from analysis.statistics.intervals import Interval
from analysis.wording import listed


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [map_by_bits(results), heat_map(results)]


@dataclass(frozen=True)
class Point:
    """Mean test score of a cell and the ends of its 95% interval, both the mean where it has none."""

    bits: int
    mean: float
    low: float
    high: float


Points = dict[str, list[Point]]
#: By method and code length, ascending.
Printed = dict[str, dict[int, float]]


def _points(results: DatasetResults, methods: list[str]) -> Points:
    """By method, in ascending bits; only what has a score."""
    found: Points = {}
    for method, bits in itertools.product(methods, results.bits):
        cell = results.cell(method, bits)
        mean = float(results.summary(cell)["score_mean"])
        if math.isfinite(mean):
            interval = results.interval(cell) or Interval(mean, mean)
            found.setdefault(method, []).append(Point(bits, mean, interval.low, interval.high))
    return found


def _printed(results: DatasetResults) -> Printed:
    """The paper's numbers of this study's methods that are in colour; empty where it has none."""
    coloured, _ = emphasis_of(results).split(sorted(results.methods))
    found = {method: printed_of(results.dataset, method) for method in coloured}
    return {method: numbers for method, numbers in found.items() if numbers}


def map_by_bits(results: DatasetResults) -> StudyFigure:
    """Test score by code length: methods with intervals, baselines, and the paper's numbers where it has any."""
    key, title = "map-by-bits", f"{results.metric} against code length"
    methods, baselines = _points(results, results.methods), _points(results, results.baselines)
    if not methods and not baselines:
        return nothing_to_draw(key, title, "nothing has a test score")
    printed = _printed(results)
    remarks = ["Dashed: the numbers the paper prints, in its own metric."] if printed else []
    remarks.append(emphasis_of(results).remark([*methods, *baselines]))
    return StudyFigure(
        key, title, _sentence(results, methods, baselines), lambda: _draw_lines(results, methods | baselines, printed),
        " ".join(remarks),
    )  # fmt: skip


def _sentence(results: DatasetResults, methods: Points, baselines: Points) -> str:
    shown = methods or baselines
    lengths = {point.bits for points in shown.values() for point in points}
    bits = results.reference_bits if results.reference_bits in lengths else min(lengths)
    at = {method: point for method, points in shown.items() for point in points if point.bits == bits}
    best = max(at, key=lambda method: at[method].mean)
    sentence = f"At {bits} bits {label(best)} is highest with {at[best].mean:.3f}"
    if at[best].low < at[best].high:
        sentence += f" (95% interval over seeds and queries {at[best].low:.3f} to {at[best].high:.3f})"
    if not methods:
        return f"{sentence}; no studied method has a test score yet."
    against = {method: p.mean for method, points in baselines.items() for p in points if p.bits == bits}
    beaten = [
        f"{sum(point.mean > score for point in at.values())} of {len(at)} above {label(method)} ({score:.3f})"
        for method, score in sorted(against.items(), key=lambda pair: -pair[1])
    ]
    return f"{sentence}." + (f" Against baselines: {listed(beaten)}." if beaten else "")


def _draw_lines(results: DatasetResults, shown: Points, printed: Printed) -> Figure:
    emphasis = emphasis_of(results)
    coloured, others = emphasis.split(shown)
    methods, baselines = (
        {name: shown[name] for name in coloured if (name in results.methods) == studied} for studied in (True, False)
    )
    figure, panel = canvas.single(4.4)
    lengths = sorted({*results.bits, *(bits for numbers in printed.values() for bits in numbers)})
    place = {bits: number for number, bits in enumerate(lengths)}
    for method in others:
        points = shown[method]
        lengths_of = [place[point.bits] for point in points]
        dotted = {**pale_line(method), "marker": "."}  # a line of one length could not be seen
        panel.plot(lengths_of, [point.mean for point in points], **dotted)
    for method, points in baselines.items():
        panel.plot(
            [place[point.bits] for point in points],
            [point.mean for point in points],
            **style.look(method).line_style(linewidth=1.2),
            zorder=2,
        )
    for number, (method, points) in enumerate(methods.items()):
        shift = 0.045 * (number - (len(methods) - 1) / 2)  # intervals side by side, not on top of each other
        at = np.array([place[point.bits] for point in points]) + shift
        means = np.array([point.mean for point in points])
        spread = [means - [point.low for point in points], [point.high for point in points] - means]
        panel.errorbar(at, means, yerr=spread, **style.look(method).line_style(), capsize=2, elinewidth=1, zorder=3)
    _draw_printed(panel, printed, place)
    panel.set_xticks(range(len(lengths)), [str(bits) for bits in lengths])
    panel.set_xlim(-0.35, len(lengths) - 0.65)
    panel.grid(visible=False, axis="x")
    panel.set_xlabel("bits")
    panel.set_ylabel(f"test {results.metric}")
    handles, labels = emphasis.legend(shown)
    if printed:
        handles.append(canvas.handle(style.Look(style.GREY, "", style.PAPER_LINE)))
        labels.append("the paper (its metric)")
    canvas.legend_below(figure, handles, labels)
    return figure


def _draw_printed(panel: Axes, printed: Printed, place: dict[int, int]) -> None:
    for method, numbers in printed.items():
        look = style.look(method)
        panel.plot(
            [place[bits] for bits in numbers], list(numbers.values()), color=look.colour, linestyle=style.PAPER_LINE,
            linewidth=1.1, marker=look.marker, markersize=3.5, markerfacecolor="white", zorder=2,
        )  # fmt: skip


def heat_map(results: DatasetResults) -> StudyFigure:
    """The test score of every studied method and code length as a coloured table."""
    key, title = "method-by-bits", f"{results.metric} by method and code length"
    means = [
        [results.summary(results.cell(method, bits))["score_mean"] for bits in results.bits]
        for method in results.methods
    ]
    scores = pd.DataFrame(means, index=results.methods, columns=results.bits, dtype=float)
    if not scores.notna().to_numpy().any():
        return nothing_to_draw(key, title, "no replicate has a test score")
    return StudyFigure(key, title, _heat_sentence(scores), lambda: _draw_heat_map(scores, f"test {results.metric}"))


def _heat_sentence(scores: pd.DataFrame) -> str:
    by_method, by_bits = scores.mean(axis=1), scores.mean(axis=0)
    missing = int(scores.isna().to_numpy().sum())
    absent = f" {missing} of {scores.size} cells have no test score (–)." if missing else ""
    if missing or min(scores.shape) < 2:
        row, column = divmod(int(np.nanargmax(scores)), scores.shape[1])
        best = f"{label(str(scores.index[row]))} at {scores.columns[column]} bits"
        return f"The highest cell is {best} with {np.nanmax(scores):.3f}.{absent}"
    method_range, bits_range = by_method.max() - by_method.min(), by_bits.max() - by_bits.min()
    more, less = ("method", "code length") if method_range > bits_range else ("code length", "method")
    return (
        f"The {more} matters more than the {less}: averages over the other lie {max(method_range, bits_range):.3f} "
        f"against {min(method_range, bits_range):.3f} apart; the best row is {label(str(by_method.idxmax()))}, "
        f"the best column {by_bits.idxmax()} bits."
    )


def _draw_heat_map(scores: pd.DataFrame, what: str) -> Figure:
    figure, panel = canvas.single(0.9 + (0.42 if len(scores) <= MOST_ROWS else 0.27) * len(scores))
    colours = matplotlib.colormaps[style.SEQUENTIAL]
    image = panel.imshow(scores, cmap=colours, aspect="auto")
    for row, values in enumerate(scores.to_numpy()):
        for column, value in enumerate(values):
            dark = not np.isnan(value) and np.mean(colours(image.norm(value))[:3]) < 0.5
            text = "–" if np.isnan(value) else f"{value:.3f}"
            panel.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    panel.set_xticks(range(scores.shape[1]), [str(bits) for bits in scores.columns])
    panel.set_yticks(range(len(scores)), [label(method) for method in scores.index])
    panel.set_xlabel("bits")
    panel.grid(visible=False)
    panel.tick_params(length=0)
    for start in family_starts(scores.index)[1:]:
        panel.axhline(start - 0.5, color="white", linewidth=3)
    for spine in panel.spines.values():
        spine.set_visible(False)
    figure.colorbar(image, ax=panel, label=what, aspect=15)
    return figure
