"""Where the search looked and what it found: a slice a hyperparameter, and all of them in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import Emphasis, emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import in_order
from analysis.results import DatasetResults
from analysis.wording import counted, hyperparameter, listed
from study.plan.dimensions import Dimension, Value
from study.record.export import family_of

#: Hyperparameters that a figure has room for.
MOST_AXES = 12


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
    "markeredgewidth": 0.6, "alpha": 0.6,
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


def _remark(results: DatasetResults, axes: list[Axis]) -> str:
    remarks = [emphasis_of(results).remark(results.searched)]
    if len(axes) > MOST_AXES:
        remarks.append(f"Of {len(axes)} hyperparameters the {MOST_AXES} that most methods sample.")
    return " ".join(remarks).strip()


def slices(results: DatasetResults) -> StudyFigure:
    """A panel a hyperparameter: each complete trial by its value and how far it is below the best of its cell."""
    key, title = "slices", "Slices of the search"
    axes = axes_of(results)
    if not axes:
        return nothing_to_draw(key, title, "the study sampled no hyperparameter")
    if results.complete.empty:
        return nothing_to_draw(key, title, "no search trial is complete")
    sentence, remark = _slices_sentence(results, axes), _remark(results, axes)
    return StudyFigure(key, title, sentence, lambda: _draw_slices(results, widest(axes)), remark)


def _slices_sentence(results: DatasetResults, axes: list[Axis]) -> str:
    trends = {}
    shortfall = results.complete["shortfall"]
    for axis in axes:
        positions = pd.Series(axis.positions(results.complete), index=results.complete.index)
        both = pd.DataFrame({"position": positions, "shortfall": shortfall}).dropna()  # methods may lack a dimension
        if both.nunique().min() > 1:  # a constant has no rank correlation
            trends[axis.name] = float(both["position"].corr(both["shortfall"], method="spearman"))
    strongest = sorted(trends, key=lambda name: -abs(trends[name]))[:2]
    told = listed([f"{hyperparameter(name)} (rank correlation {trends[name]:+.2f})" for name in strongest])
    given_up = len(results.pruned)
    pruned = f" and, hollow, {given_up} that were pruned (at the lower edge or above)" if given_up else ""
    most = f" The score of complete trials follows {told} most." if strongest else ""
    return (
        f"{counted(len(results.complete), 'complete trial')} of all cells{pruned}, each by "
        f"its distance from the best trial of its cell; 0 is the winner.{most} Points pile up where the sampler "
        f"expected more."
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
    """A line a trial across all hyperparameters; the winner of each cell in its method's colour."""
    key, title = "parallel-coordinates", "All hyperparameters of every trial"
    axes = axes_of(results)
    if len(axes) < 2:
        return nothing_to_draw(key, title, "the study sampled fewer than two hyperparameters")
    if results.complete.empty:
        return nothing_to_draw(key, title, "no search trial is complete")
    sentence, remark = _parallel_sentence(results, axes), _remark(results, axes)
    return StudyFigure(key, title, sentence, lambda: _draw_parallel(results, widest(axes)), remark)


def _parallel_sentence(results: DatasetResults, axes: list[Axis]) -> str:
    spreads = {}
    for axis in axes:
        winners, trials = axis.fractions(results.winners), axis.fractions(results.complete)
        if np.isfinite(winners).sum() >= 3 and np.nanstd(trials) > 0:
            spreads[axis.name] = float(np.nanstd(winners) / np.nanstd(trials))
    closest = ""
    if spreads:
        name = min(spreads, key=lambda one: spreads[one])
        closest = (
            f" The winners agree most on {hyperparameter(name)}, where they spread {spreads[name]:.0%} as far as all "
            f"trials."
        )
    return (
        f"Grey: {counted(len(results.complete), 'complete trial')}; in colour: the winner of each of "
        f"{counted(len(results.winners), 'cell')}.{closest}"
    )


def _draw_parallel(results: DatasetResults, axes: list[Axis]) -> Figure:
    figure, panel = canvas.single(4.4)
    columns = range(len(axes) + 1)
    shortfall = results.complete["shortfall"]
    lowest = float(shortfall.quantile(0.05)) or -1.0  # a few failures must not press all others together

    def heights(trials: pd.DataFrame) -> np.ndarray:
        scores = np.clip(1 - trials["shortfall"].to_numpy(float) / lowest, 0, 1)
        return np.column_stack([*(axis.fractions(trials) for axis in axes), scores])

    for row in heights(results.complete):
        panel.plot(columns, row, color=style.PALE_GREY, linewidth=0.5, alpha=0.5, zorder=1)
    winners = in_order(results.winners["method"].unique())
    coloured, others = emphasis_of(results).split(winners)
    for one in others:
        for row in heights(results.winners[results.winners["method"] == one]):
            panel.plot(columns, row, **{**pale_line(one), "zorder": 2})
    for one in coloured:
        look = style.look(one)
        for row in heights(results.winners[results.winners["method"] == one]):
            panel.plot(columns, row, **look.line_style(linewidth=1.3, markersize=3.5), alpha=0.9, zorder=3)
    for column, axis in enumerate(axes):
        low, high = _ends(axis)
        panel.text(column, -0.035, low, ha="center", va="top", fontsize=7.5)
        panel.text(column, 1.035, high, ha="center", va="bottom", fontsize=7.5)
    panel.text(len(axes), -0.035, f"≤ {lowest:.2g}", ha="center", va="top", fontsize=7.5)
    panel.text(len(axes), 1.035, "best", ha="center", va="bottom", fontsize=7.5)
    panel.set_xticks(columns, [*(hyperparameter(axis.name) for axis in axes), f"{results.metric} below\ncell's best"])
    panel.tick_params(axis="x", rotation=40, pad=12, length=0)
    for tick in panel.get_xticklabels():
        tick.set(ha="right", rotation_mode="anchor")
    panel.set_yticks([])
    panel.set_ylim(-0.02, 1.02)
    panel.spines["left"].set_visible(False)
    panel.spines["bottom"].set_visible(False)
    canvas.legend_below(figure, *emphasis_of(results).legend(winners))
    return figure


def _ends(axis: Axis) -> tuple[str, str]:
    if axis.choices:
        return _short(str(axis.choices[0])), _short(str(axis.choices[-1]))
    return f"{axis.low:g}", f"{axis.high:g}"


def _short(word: str) -> str:
    """A word that leaves room for those of the axes beside it."""
    return word if len(word) <= 9 else f"{word[:8]}…"
