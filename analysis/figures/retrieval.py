"""Retrieval quality beyond one number: precision and recall by Hamming radius, and precision of the first n."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import canvas, method_curves
from analysis.figures.emphasis import Emphasis, emphasis_of
from analysis.figures.method_curves import Curves
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import listed


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
    ours = [method for method in at_half if method in results.methods]
    others = [method for method in at_half if method in results.baselines]
    best = [max(group, key=lambda method: at_half[method]) for group in (ours, others) if group]
    found = " against ".join(f"{at_half[method]:.2f} with {label(method)}" for method in best)
    return (
        f"Each point is a radius, from 0 at the left; an empty ball counts as precision 0, which bends the curves down "
        f"there. Where half of the relevant items are found, precision at {bits} bits is {found}."
    )


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
    sentence = _precision_sentence(found[bits], bits)
    remark = emphasis.remark(method_curves.methods_of(found))
    return StudyFigure(key, title, sentence, lambda: _draw_precision_at_n(found, emphasis), remark)


def _precision_sentence(curves: Curves, bits: int) -> str:
    cutoffs = next(iter(curves.values()))[0]
    leads: dict[str, list[str]] = {}
    for at in sorted({int(np.argmin(abs(cutoffs - 10))), int(np.argmin(abs(cutoffs - 100)))}):
        best = max(curves, key=lambda method: curves[method][1][at])
        leads.setdefault(best, []).append(f"the first {cutoffs[at]:.0f} ({curves[best][1][at]:.3f})")
    parts = [f"{label(method)} leads among {listed(where)}" for method, where in leads.items()]
    base = float(np.mean([precision[-1] for _, precision in curves.values()]))
    return (
        f"At {bits} bits {listed(parts)}; every curve ends at {base:.3f}, the share of the whole database that is "
        f"relevant to a query."
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
