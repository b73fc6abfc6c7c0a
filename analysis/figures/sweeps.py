"""mAP against filter order and against kNN size: two of the paper's figures, from the trials of the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of
from analysis.figures.paper_readings import ORDER, SCALE, THRESHOLD, paper_scale, readings
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import counted, hyperparameter, listed

#: More different values than this are put into bins before they are averaged.
MOST_VALUES = 9
BINS = 6


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [
        _sweep(results, "map-by-filter-order", "filter_order", _paper_orders),
        _sweep(results, "map-by-knn-size", "knn_size", _paper_thresholds),
    ]


@dataclass(frozen=True)
class _Sweep:
    """The complete trials of one method: ``value``, ``score``, ``bits``, and ``level``, its score with the effect of
    the code length taken out; `middles`: the median ``level`` of each value or bin of values."""

    trials: pd.DataFrame
    middles: pd.DataFrame

    @property
    def best(self) -> tuple[float, float]:
        row = self.middles.iloc[int(self.middles["level"].argmax())]
        return float(row["value"]), float(row["level"])

    @property
    def spread(self) -> float:
        return float(self.middles["level"].max() - self.middles["level"].min())


def _sweep(results: DatasetResults, key: str, name: str, paper: Callable[[Axes, str, bool], None]) -> StudyFigure:
    title = f"{results.metric} against {hyperparameter(name)}"
    varied = [one for one in results.searched if name in results.study.spec.space_for(one)]
    if not varied:
        return nothing_to_draw(key, title, f"the study did not vary the {hyperparameter(name)}")
    found = {one: sweep for one in varied if (sweep := _collect(results.complete, one, name)) is not None}
    if not found:
        return nothing_to_draw(key, title, "no method has complete trials at two values of it")
    emphasis = emphasis_of(results)
    shown = {one: found[one] for one in emphasis.panels(list(found))}
    remark = emphasis.panels_remark(list(found))
    return StudyFigure(key, title, _sentence(shown, name), lambda: _draw(results, shown, name, paper), remark)


def _collect(complete: pd.DataFrame, method: str, name: str) -> _Sweep | None:
    trials = complete[(complete["method"] == method) & complete[name].notna()]
    if trials[name].nunique() < 2:
        return None
    of_cell, of_all = trials.groupby("bits")["score"].transform("median"), trials["score"].median()
    trials = trials.assign(value=trials[name].astype(float), level=trials["score"] - of_cell + of_all)
    groups = trials["value"]
    if groups.nunique() > MOST_VALUES:
        groups = pd.qcut(groups, BINS, duplicates="drop", labels=False)
    return _Sweep(trials, trials.groupby(groups.to_numpy())[["value", "level"]].median())


def _sentence(found: dict[str, _Sweep], name: str) -> str:
    most = max(found, key=lambda one: found[one].spread)
    what = hyperparameter(name)
    peaks = [f"{sweep.best[0]:.3g} for {label(one)}" for one, sweep in found.items()]
    trials = sum(len(sweep.trials) for sweep in found.values())
    scale = "right-hand scale"
    if name == "knn_size":
        scale += "; on top the similarity threshold that its graphs have instead, denser to the right"
    return (
        f"The median trial is best at a {what} of {listed(peaks)}; it matters most to {label(most)}, whose medians lie "
        f"{found[most].spread:.3f} apart. {counted(trials, 'complete trial')} of the search, in which the other "
        f"hyperparameters vary too; the line is free of the effect of the code length. Dashed: the paper's reading in "
        f"its own metric ({scale})."
    )


def _draw(
    results: DatasetResults, found: dict[str, _Sweep], name: str, paper: Callable[[Axes, str, bool], None]
) -> Figure:
    bits = results.bits
    grid = canvas.facets([label(one) for one in found], height=2.4, sharey=True)
    markers = dict(zip(bits, style.BIT_MARKERS * len(bits), strict=False))
    for number, (panel, (one, sweep)) in enumerate(zip(grid.panels, found.items(), strict=True)):
        look = style.look(one)
        for length, trials in sweep.trials.groupby("bits"):
            panel.plot(
                trials["value"], trials["score"], markers[int(str(length))], color=look.colour, alpha=0.45,
                markersize=4, markeredgewidth=0,
            )  # fmt: skip
        panel.plot(sweep.middles["value"], sweep.middles["level"], color=look.colour, linewidth=2)
        right = number % 2 == 1 or number == len(found) - 1
        paper(panel, one, right)
        canvas.whole_numbers(panel)
    grid.label(hyperparameter(name), f"validation {results.metric}")
    dots = [style.Look(style.GREY, markers[length], "") for length in bits]
    lines = [style.Look(style.GREY, ""), style.Look(style.GREY, "", style.PAPER_LINE)]
    samples = [canvas.handle(one) for one in [*dots, *lines]]
    grid.legend(samples, [*(f"{length} bits" for length in bits), "median of trials", SCALE])
    return grid.figure


def _paper_orders(panel: Axes, method: str, scale_shown: bool) -> None:
    reading = readings(ORDER).get(method)
    if reading is None:
        return
    other = panel.twinx()
    other.plot(reading["x"], reading["map"], color=style.GREY, linestyle=style.PAPER_LINE, linewidth=1.1)
    paper_scale(other, ORDER, scale_shown)


def _paper_thresholds(panel: Axes, method: str, scale_shown: bool) -> None:
    """The paper's graph keeps pairs above a similarity threshold: the higher, the sparser, so its axis runs down."""
    reading = readings(THRESHOLD).get(method)
    if reading is None:
        return
    scale = panel.twinx()
    paper_scale(scale, THRESHOLD, scale_shown)
    other = scale.twiny()
    other.grid(visible=False)
    other.plot(reading["x"], reading["map"], color=style.GREY, linestyle=style.PAPER_LINE, linewidth=1.1)
    other.invert_xaxis()
    other.tick_params(axis="x", colors=style.GREY, labelsize=7)
    other.set_xlabel("threshold τ", color=style.GREY, fontsize=7.5)
