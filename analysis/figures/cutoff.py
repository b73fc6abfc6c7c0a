"""mAP against the retrieval cut-off k: the third of the paper's figures."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas, method_curves
from analysis.figures.emphasis import Emphasis, emphasis_of
from analysis.figures.method_curves import Curves
from analysis.figures.paper_readings import CUTOFF, readings
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [map_by_cutoff(results)]


def map_by_cutoff(results: DatasetResults) -> StudyFigure:
    """`map` of the first k for every method, with the paper's curves beside it."""
    key, title = "map-by-cutoff", "mAP against the retrieval cut-off k"
    found = method_curves.collect(results, "cutoffs", "map_at_cutoffs")
    if not found:
        return nothing_to_draw(key, title, "nothing was evaluated")
    bits = method_curves.reference(results, found)
    emphasis = emphasis_of(results)
    remark = emphasis.remark(method_curves.methods_of(found))
    return StudyFigure(key, title, _sentence(found[bits], bits), lambda: _draw(found, emphasis), remark)


def _sentence(curves: Curves, bits: int) -> str:
    best = max(curves, key=lambda method: curves[method][1][-1])
    cutoffs, scores = curves[best]
    lowest = int(np.argmin(scores))
    return (
        f"At {bits} bits {label(best)} goes from {scores[0]:.3f} at k = {cutoffs[0]:.0f} to {scores[-1]:.3f} over all "
        f"{cutoffs[-1]:.0f} items, lowest at k = {cutoffs[lowest]:.0f} ({scores[lowest]:.3f}): a number at one cut-off "
        f"cannot be set beside one at another. Dashed: the paper's readings, in its own metric and on its own data."
    )


def _draw(found: dict[int, Curves], emphasis: Emphasis) -> Figure:
    grid = canvas.facets([f"{bits} bits" for bits in found], sharex=True, sharey=True)
    for panel, curves in zip(grid.panels, found.values(), strict=True):
        for method, reading in readings(CUTOFF).items():
            if method not in curves or emphasis.is_pale(method):
                continue
            colour = style.look(method).colour
            panel.plot(
                reading["x"], reading["map"], color=colour, linestyle=style.PAPER_LINE, linewidth=1, alpha=0.7
            )  # fmt: skip
        method_curves.plot(panel, curves, emphasis)
        canvas.log_axis(panel)
    grid.label("k", "mAP of the first k")
    handles, labels = method_curves.legend_of(found, emphasis)
    paper = canvas.handle(style.Look(style.GREY, "", style.PAPER_LINE))
    grid.legend([*handles, paper], [*labels, "the paper\n(its metric)"])
    return grid.figure
