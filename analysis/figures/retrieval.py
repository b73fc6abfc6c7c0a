"""Retrieval quality beyond one number: precision and recall by Hamming radius, and precision of the first n."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import canvas, method_curves
from analysis.figures.emphasis import Emphasis, emphasis_of
from analysis.figures.method_curves import Curves
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.results import DatasetResults
from analysis.wording import span


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [precision_recall(results), precision_at_n(results)]


def precision_recall(results: DatasetResults) -> StudyFigure:
    """Precision against recall, a point a Hamming radius, for every method with codes."""
    key, title = "precision-recall", "Precision and recall by Hamming radius"
    found = method_curves.collect(results, "recall_by_radius", "precision_by_radius")
    if not found:
        return nothing_to_draw(key, title, "nothing with codes was evaluated")
    bits = method_curves.reference(results, found)
    emphasis = emphasis_of(results)
    sentence = _recall_sentence(results, found[bits], bits)
    remark = emphasis.remark(method_curves.methods_of(found))
    return StudyFigure(key, title, sentence, lambda: _draw_precision_recall(found, emphasis), remark)


def _recall_sentence(results: DatasetResults, curves: Curves, bits: int) -> str:
    at_half = {method: float(np.interp(0.5, *curve)) for method, curve in curves.items()}
    return (
        f"Each point is a radius, from 0 at the left; an empty ball counts as precision 0, which bends the curves down "
        f"there. Where half of the relevant items are found, mean precision at {bits} bits is "
        f"{_ranges(results, at_half)}. These are means over seeds, which no test has compared."
    )


def _ranges(results: DatasetResults, values: Mapping[str, float]) -> str:
    """``0.90 to 0.93 with the studied methods and 0.31 to 0.74 with those beside them``."""
    groups = (("the studied methods", results.methods), ("those beside them", results.baselines))
    found = [(who, [values[name] for name in names if name in values]) for who, names in groups]
    return " and ".join(f"{span(min(known), max(known))} with {who}" for who, known in found if known)


def _draw_precision_recall(found: dict[int, Curves], emphasis: Emphasis) -> Figure:
    grid = canvas.facets([f"{bits} bits" for bits in found], sharex=True, sharey=True)
    for panel, curves in zip(grid.panels, found.values(), strict=True):
        method_curves.plot(panel, curves, emphasis)
        panel.set_xlim(0, 1)
        panel.set_ylim(0, 1.02)
    grid.label("recall", "precision")
    grid.legend(*method_curves.legend_of(found, emphasis))
    return grid.figure


def precision_at_n(results: DatasetResults) -> StudyFigure:
    """Precision of the first n items, for every method."""
    key, title = "precision-at-n", "Precision of the first n items"
    found = method_curves.collect(results, "cutoffs", "precision_at_n")
    if not found:
        return nothing_to_draw(key, title, "nothing was evaluated")
    bits = method_curves.reference(results, found)
    emphasis = emphasis_of(results)
    sentence = _precision_sentence(results, found[bits], bits)
    remark = emphasis.remark(method_curves.methods_of(found))
    return StudyFigure(key, title, sentence, lambda: _draw_precision_at_n(found, emphasis), remark)


def _precision_sentence(results: DatasetResults, curves: Curves, bits: int) -> str:
    cutoffs = next(iter(curves.values()))[0]
    at = int(np.argmin(abs(cutoffs - 10)))
    found = {method: float(precision[at]) for method, (_, precision) in curves.items()}
    base = float(np.mean([precision[-1] for _, precision in curves.values()]))
    return (
        f"At {bits} bits mean precision of the first {cutoffs[at]:.0f} is {_ranges(results, found)}; every curve ends "
        f"at {base:.3f}, the share of the whole database that is relevant to a query. No test has compared these means."
    )


def _draw_precision_at_n(found: dict[int, Curves], emphasis: Emphasis) -> Figure:
    grid = canvas.facets([f"{bits} bits" for bits in found], sharex=True, sharey=True)
    for panel, curves in zip(grid.panels, found.values(), strict=True):
        method_curves.plot(panel, curves, emphasis)
        canvas.log_axis(panel)
        panel.set_ylim(0, 1.02)
    grid.label("n", "precision of the first n")
    grid.legend(*method_curves.legend_of(found, emphasis))
    return grid.figure
