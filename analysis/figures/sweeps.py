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
from analysis.figures.paper_readings import ORDER, SCALE, THRESHOLD, paper_scale, readings_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import counted, hyperparameter, listed

#: Trials of a value of which a median is drawn.
FEWEST = 3
MEDIAN = "median of trials"

#: The paper's readings of a method, drawn into a panel with or without the numbers of their scale.
Paper = Callable[[Axes, pd.DataFrame, bool], None]


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [
        _sweep(results, "map-by-filter-order", "filter_order", ORDER),
        _sweep(results, "map-by-knn-size", "knn_size", THRESHOLD),
    ]


@dataclass(frozen=True)
class _Sweep:
    """The complete trials of one method: ``value``, ``score``, ``bits``, and ``level``, its score with the effect of
    the code length taken out. `alone`: whether nothing else was sampled, so that trials of a value are repeats."""

    trials: pd.DataFrame
    alone: bool

    @property
    def medians(self) -> pd.Series:
        """The median ``level`` of each value that has trials enough; empty where other hyperparameters varied too."""
        if not self.alone:
            return pd.Series(dtype=float)
        by_value = self.trials.groupby("value")["level"]
        return by_value.median()[by_value.size() >= FEWEST]


def _sweep(results: DatasetResults, key: str, name: str, paper: str) -> StudyFigure:
    title = f"{results.metric} against {hyperparameter(name)}"
    varied = [one for one in results.searched if name in results.study.spec.space_for(one)]
    if not varied:
        return nothing_to_draw(key, title, f"the study did not vary the {hyperparameter(name)}")
    found = {one: sweep for one in varied if (sweep := _collect(results, one, name)) is not None}
    if not found:
        return nothing_to_draw(key, title, "no method has complete trials at two values of it")
    emphasis = emphasis_of(results)
    shown = {one: found[one] for one in emphasis.panels(list(found))}
    remarks = [emphasis.panels_remark(list(found))]
    if readings_of(results.dataset, paper):
        where = "; on top the similarity threshold that its graphs have instead, denser to the right"
        scale = f"right-hand scale{where if paper == THRESHOLD else ''}"
        remarks.append(f"Dashed: the paper's reading in its own metric ({scale}).")
    sentence = _sentence(shown, name)
    return StudyFigure(key, title, sentence, lambda: _draw(results, shown, name, paper), " ".join(remarks).strip())


def _collect(results: DatasetResults, method: str, name: str) -> _Sweep | None:
    complete = results.complete
    trials = complete[(complete["method"] == method) & complete[name].notna()]
    if trials[name].nunique() < 2:
        return None
    of_cell, of_all = trials.groupby("bits")["score"].transform("median"), trials["score"].median()
    trials = trials.assign(value=trials[name].astype(float), level=trials["score"] - of_cell + of_all)
    return _Sweep(trials, list(results.study.spec.space_for(method)) == [name])


def _sentence(found: dict[str, _Sweep], name: str) -> str:
    trials = sum(len(sweep.trials) for sweep in found.values())
    sentence = f"{counted(trials, 'complete trial')} of the search, each by its {hyperparameter(name)}."
    medians = [label(one) for one, sweep in found.items() if len(sweep.medians)]
    confounded = [label(one) for one, sweep in found.items() if not sweep.alone]
    if medians:
        sentence += (
            f" Lines: medians of {FEWEST} trials and more with {listed(medians)}, where nothing else varied, without "
            "the effect of the code length."
        )
    if confounded:
        sentence += (
            f" With {listed(confounded)} the other hyperparameters vary too: a picture of where the search looked, not "
            "of an effect. Effects are told by the importances."
        )
    return sentence


def _draw(results: DatasetResults, found: dict[str, _Sweep], name: str, paper: str) -> Figure:
    bits, printed = results.bits, readings_of(results.dataset, paper)
    grid = canvas.facets([label(one) for one in found], height=2.4, sharey=True)
    markers = dict(zip(bits, style.BIT_MARKERS * len(bits), strict=False))
    for number, (panel, (one, sweep)) in enumerate(zip(grid.panels, found.items(), strict=True)):
        look = style.look(one)
        for length, trials in sweep.trials.groupby("bits"):
            panel.plot(
                trials["value"], trials["score"], markers[int(str(length))], color=look.colour, alpha=0.55,
                markersize=4, markeredgewidth=0, label=f"{length} bits",
            )  # fmt: skip
        if len(sweep.medians):
            panel.plot(sweep.medians.index, sweep.medians, color=look.colour, linewidth=2, label=MEDIAN)
        if one in printed:
            right = number % 2 == 1 or number == len(found) - 1
            _PAPER[paper](panel, printed[one], right)
        canvas.whole_numbers(panel)
    grid.label(hyperparameter(name), f"validation {results.metric}")
    samples = {f"{length} bits": style.Look(style.GREY, markers[length], "") for length in bits}
    if any(len(sweep.medians) for sweep in found.values()):
        samples[MEDIAN] = style.Look(style.GREY, "")
    if printed:
        samples[SCALE] = style.Look(style.GREY, "", style.PAPER_LINE)
    grid.legend([canvas.handle(one) for one in samples.values()], list(samples))
    return grid.figure


def _paper_orders(panel: Axes, reading: pd.DataFrame, scale_shown: bool) -> None:
    other = panel.twinx()
    other.plot(reading["x"], reading["map"], color=style.GREY, linestyle=style.PAPER_LINE, linewidth=1.1, label=SCALE)
    paper_scale(other, ORDER, scale_shown)


def _paper_thresholds(panel: Axes, reading: pd.DataFrame, scale_shown: bool) -> None:
    """The paper's graph keeps pairs above a similarity threshold: the higher, the sparser, so its axis runs down."""
    scale = panel.twinx()
    paper_scale(scale, THRESHOLD, scale_shown)
    other = scale.twiny()
    other.grid(visible=False)
    other.plot(reading["x"], reading["map"], color=style.GREY, linestyle=style.PAPER_LINE, linewidth=1.1, label=SCALE)
    other.invert_xaxis()
    other.tick_params(axis="x", colors=style.GREY, labelsize=7)
    other.set_xlabel("threshold τ", color=style.GREY, fontsize=7.5)


_PAPER: dict[str, Paper] = {ORDER: _paper_orders, THRESHOLD: _paper_thresholds}
