"""Where the search looked and what it found: a slice a hyperparameter, and all of them in parallel."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import Emphasis, emphasis_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import in_order, label
from analysis.results import DatasetResults
from analysis.wording import counted, hyperparameter
from study.plan.dimensions import Dimension, Value
from study.record.export import family_of

#: Hyperparameters that a figure has room for.
MOST_AXES = 12
OTHERS = "other trials"


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [slices(results), parallel_coordinates(results)]


@dataclass(frozen=True)
class Axis:
    """A sampled hyperparameter over all methods: the range they share, its scale, or its choices in order."""

    name: str
    low: float
    high: float
    log: bool
    choices: tuple[Value, ...]
    methods: frozenset[str]  #: those whose cells sample it

    def positions(self, trials: pd.DataFrame) -> np.ndarray:
        """The values of trials as numbers on the axis: themselves, or the place of a choice.

        NaN where a method does not sample it, though it may have a fixed value or a default.
        """
        values = trials[self.name].where(trials["method"].isin(self.methods))
        if not self.choices:
            return values.to_numpy(float)
        places = {str(choice): float(place) for place, choice in enumerate(self.choices)}
        known = values.map(lambda value: places.get(_text(value), np.nan))
        return known.to_numpy(float)

    def fractions(self, trials: pd.DataFrame) -> np.ndarray:
        """The same from 0 at the low end to 1 at the high one."""
        positions, low, high = self.positions(trials), self.low, self.high
        if self.log:
            positions, low, high = np.log(positions), np.log(low), np.log(high)
        return (positions - low) / (high - low) if high > low else np.where(np.isnan(positions), np.nan, 0.5)


_PRUNED: dict[str, Any] = {
    "marker": "o", "linestyle": "", "markersize": 3.2, "markerfacecolor": "none", "color": style.GREY,
    "markeredgewidth": 0.6, "alpha": 0.6, "label": "pruned",
}  # fmt: skip


def _text(value: object) -> str:
    """A choice as the spec has it: a CSV file turns 256 into 256.0 where other rows are empty."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def axes_of(results: DatasetResults) -> list[Axis]:
    """Every hyperparameter that was sampled for at least one method, in the order of the spec."""
    found: dict[str, dict[str, Dimension]] = {}
    for one in results.searched:
        for name, dimension in results.study.spec.space_for(one).items():
            found.setdefault(name, {})[one] = dimension
    return [_axis(name, found[name]) for name in results.study.spec.space if name in found]


def _axis(name: str, of_method: dict[str, Dimension]) -> Axis:
    dimensions, methods = of_method.values(), frozenset(of_method)
    choices = tuple(dict.fromkeys(choice for one in dimensions for choice in one.choices or []))
    if choices:
        return Axis(name, 0.0, len(choices) - 1.0, False, choices, methods)
    low, high = min(one.low or 0.0 for one in dimensions), max(one.high or 0.0 for one in dimensions)
    return Axis(name, low, high, any(one.log for one in dimensions) and low > 0, (), methods)


def widest(axes: list[Axis]) -> list[Axis]:
    """The axes there is room for: those that most methods sample, in their order."""
    most = sorted(axes, key=lambda axis: -len(axis.methods))[:MOST_AXES]
    return [axis for axis in axes if axis in most]


def _left_out(axes: list[Axis]) -> str:
    """A sentence on the axes there was no room for; empty where there is none."""
    return f"Of {len(axes)} hyperparameters the {MOST_AXES} that most methods sample." if len(axes) > MOST_AXES else ""


def slices(results: DatasetResults) -> StudyFigure:
    """A panel a hyperparameter: each complete trial by its value and how far it is below the best of its cell."""
    key, title = "slices", "Slices of the search"
    axes = axes_of(results)
    if not axes:
        return nothing_to_draw(key, title, "the study sampled no hyperparameter")
    if results.complete.empty:
        return nothing_to_draw(key, title, "no search trial is complete")
    remarks = [emphasis_of(results).remark(results.searched), _left_out(axes)]
    drawing = functools.partial(_draw_slices, results, widest(axes))
    return StudyFigure(key, title, _slices_sentence(results), drawing, " ".join(filter(None, remarks)))


def _slices_sentence(results: DatasetResults) -> str:
    given_up = len(results.pruned)
    pruned = f" and, hollow, {given_up} that were pruned (at the lower edge or above)" if given_up else ""
    return (
        f"{counted(len(results.complete), 'complete trial')} of all cells{pruned}, each by its distance from the best "
        "trial of its cell; 0 is the winner. A picture of where the search looked: the other hyperparameters vary too, "
        "and points pile up where the sampler expected more. Effects are told by the importances."
    )


def _draw_slices(results: DatasetResults, axes: list[Axis]) -> Figure:
    complete = results.complete
    emphasis = emphasis_of(results)
    methods = in_order(complete["method"].unique())
    coloured, others = emphasis.split(methods)
    grid = canvas.facets([hyperparameter(axis.name) for axis in axes], height=1.75, sharey=True)
    lowest = 1.05 * float(
        complete["shortfall"].min()
    )  # pruned trials can be far below, and would press all others flat
    pruned = results.pruned["shortfall"].clip(lower=lowest)
    jitter = np.random.default_rng(0).uniform(-0.18, 0.18, len(complete))
    for panel, axis in zip(grid.panels, axes, strict=True):
        panel.plot(axis.positions(results.pruned), pruned, **_PRUNED)
        positions = axis.positions(complete) + (jitter if axis.choices else 0)
        for one in [*others, *coloured]:
            of_method = (complete["method"] == one).to_numpy()
            look = _dot(emphasis, one)
            panel.plot(
                positions[of_method], complete["shortfall"].to_numpy()[of_method],
                marker=look.marker, linestyle="", color=look.colour, markersize=3.6, alpha=0.6, markeredgewidth=0,
                label=label(one),
            )  # fmt: skip
        _scale(panel, axis)
    grid.label("", "below cell's best")
    handles, labels = emphasis.legend(methods, linestyle="")
    if len(results.pruned):
        handles, labels = [*handles, Line2D([], [], **_PRUNED)], [*labels, "pruned"]
    grid.legend(handles, labels)
    return grid.figure


def _dot(emphasis: Emphasis, method: str) -> style.Look:
    """A trial's point."""
    return style.Look(style.pale(family_of(method)).colour, ".") if emphasis.is_pale(method) else style.look(method)


def _scale(panel: Axes, axis: Axis) -> None:
    if axis.choices:
        panel.set_xticks(range(len(axis.choices)), [str(choice) for choice in axis.choices])
        panel.set_xlim(-0.5, len(axis.choices) - 0.5)
    elif axis.log:
        canvas.log_axis(panel)


def parallel_coordinates(results: DatasetResults) -> StudyFigure:
    """A line a trial across all hyperparameters, a panel a method; the winner of each cell stands out."""
    key, title = "parallel-coordinates", "All hyperparameters of every trial"
    axes = axes_of(results)
    if len(axes) < 2:
        return nothing_to_draw(key, title, "the study sampled fewer than two hyperparameters")
    if results.complete.empty:
        return nothing_to_draw(key, title, "no search trial is complete")
    methods = in_order(results.complete["method"].unique())
    remarks = [emphasis_of(results).panels_remark(methods), _left_out(axes)]
    sentence, shown = _parallel_sentence(results), emphasis_of(results).panels(methods)
    drawing = functools.partial(_draw_parallel, results, widest(axes), shown)
    return StudyFigure(key, title, sentence, drawing, " ".join(filter(None, remarks)))


def _parallel_sentence(results: DatasetResults) -> str:
    return (
        f"Thin: {counted(len(results.complete), 'complete trial')}, from the value of each hyperparameter to how far "
        f"the trial is below the best of its cell; thick, with a marker a code length: the winner of each of "
        f"{counted(len(results.winners), 'cell')}."
    )


def _draw_parallel(results: DatasetResults, axes: list[Axis], methods: list[str]) -> Figure:
    grid = canvas.facets([label(one) for one in methods], height=1.15, columns=1, sharex=True)
    columns = range(len(axes) + 1)
    shortfall = results.complete["shortfall"]
    lowest = float(shortfall.quantile(0.05)) or -1.0  # a few failures must not press all others together
    markers = dict(zip(results.bits, style.BIT_MARKERS * len(results.bits), strict=False))

    def heights(trials: pd.DataFrame) -> np.ndarray:
        scores = np.clip(1 - trials["shortfall"].to_numpy(float) / lowest, 0, 1)
        return np.column_stack([*(axis.fractions(trials) for axis in axes), scores])

    for panel, one in zip(grid.panels, methods, strict=True):
        for row in heights(results.complete[results.complete["method"] == one]):
            panel.plot(columns, row, color=style.GREY, linewidth=0.5, alpha=0.5, zorder=1, label=OTHERS)
        winners = results.winners[results.winners["method"] == one].sort_values("bits")
        for bits, row in zip(winners["bits"], heights(winners), strict=True):
            look = style.Look(style.look(one).colour, markers[int(bits)], label=f"winner, {bits} bits")
            panel.plot(columns, row, **look.line_style(linewidth=1.3, markersize=4.5), zorder=3)
        panel.set_yticks([])
        panel.set_ylim(-0.08, 1.08)
        panel.spines["left"].set_visible(False)
        panel.spines["bottom"].set_visible(False)
        panel.tick_params(axis="x", length=0, labelbottom=panel is grid.panels[-1])
    names = [f"{hyperparameter(axis.name)}: {' to '.join(_ends(axis))}" for axis in axes]
    last = grid.panels[-1]
    last.set_xticks(columns, [*names, f"{results.metric} below\ncell's best: {lowest:.2g} to 0"])
    last.tick_params(axis="x", rotation=40, labelsize=7.5)
    for tick in last.get_xticklabels():
        tick.set(ha="right", rotation_mode="anchor")
    winning = [style.Look(style.GREY, markers[bits]) for bits in results.bits]
    handles = [*map(canvas.handle, winning), canvas.handle(style.Look(style.GREY, ""), linewidth=0.5)]
    canvas.legend_below(grid.figure, handles, [*(f"winner, {bits} bits" for bits in results.bits), OTHERS])
    return grid.figure


def _ends(axis: Axis) -> tuple[str, str]:
    """The low end of an axis and the high one."""
    if axis.choices:
        return _short(str(axis.choices[0])), _short(str(axis.choices[-1]))
    return f"{axis.low:g}", f"{axis.high:g}"


def _short(word: str) -> str:
    """A word that leaves room for those of the axes beside it."""
    return word if len(word) <= 9 else f"{word[:8]}…"
