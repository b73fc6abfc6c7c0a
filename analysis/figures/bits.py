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
from analysis.claims.leading import Rows, headline
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.highlight import MOST_ROWS
from analysis.names import family_starts, label
from analysis.paper_numbers import printed_of
from analysis.results import DatasetResults
from analysis.statistics.intervals import Interval


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


#: The colours of the heat map never span less: a full scale over 0.016 would show noise as contrast.
LEAST_SPAN = 0.1

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
        key, title, _sentence(results, methods | baselines), lambda: _draw_lines(results, methods | baselines, printed),
        " ".join(remarks),
    )  # fmt: skip


def _sentence(results: DatasetResults, shown: Points) -> str:
    """The headline of one code length."""
    lengths = {point.bits for points in shown.values() for point in points}
    bits = results.reference_bits if results.reference_bits in lengths else min(lengths)
    means = {method: point.mean for method, points in shown.items() for point in points if point.bits == bits}
    best = max(means, key=lambda method: means[method])
    why = "the length that is shown where only one can be" if len(results.bits) > 1 else ""
    interval = results.interval(results.cell(best, bits))
    return headline(Rows(bits, why, results.metric, means, results.methods, results.claimed[bits], interval))


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
            label=f"{look.label} (the paper)",
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
    lowest, highest = np.nanmin(scores), np.nanmax(scores)
    missing = int(scores.isna().to_numpy().sum())
    absent = f" {missing} of {scores.size} cells have no test score (–)." if missing else ""
    span = f" Colours span {LEAST_SPAN}, so that less than that does not look like much." if _is_narrow(scores) else ""
    return f"The means lie between {lowest:.3f} and {highest:.3f}; the main table says which differ.{span}{absent}"


def _is_narrow(scores: pd.DataFrame) -> bool:
    return bool(np.nanmax(scores) - np.nanmin(scores) < LEAST_SPAN)


def _colour_range(scores: pd.DataFrame) -> tuple[float, float]:
    """What the ends of the scale stand for: of all scores, but no narrower than `LEAST_SPAN`."""
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    margin = max(0.0, LEAST_SPAN - (high - low)) / 2
    return low - margin, high + margin


def _draw_heat_map(scores: pd.DataFrame, what: str) -> Figure:
    figure, panel = canvas.single(0.9 + (0.42 if len(scores) <= MOST_ROWS else 0.27) * len(scores))
    colours = matplotlib.colormaps[style.SEQUENTIAL]
    low, high = _colour_range(scores)
    image = panel.imshow(scores, cmap=colours, aspect="auto", vmin=low, vmax=high)
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
