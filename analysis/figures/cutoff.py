"""mAP against the retrieval cut-off k: the third of the paper's figures."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas, method_curves
from analysis.figures.emphasis import Emphasis, emphasis_of
from analysis.figures.method_curves import Curves
from analysis.figures.paper_readings import CUTOFF, readings_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [map_by_cutoff(results)]


def map_by_cutoff(results: DatasetResults) -> StudyFigure:
    """`map` of the first k for every method, with the paper's curves beside it where it has the data."""
    key, title = "map-by-cutoff", "mAP against the retrieval cut-off k"
    found = method_curves.collect(results, "cutoffs", "map_at_cutoffs")
    if not found:
        return nothing_to_draw(key, title, "nothing was evaluated")
    bits = method_curves.reference(results, found)
    emphasis = emphasis_of(results)
    paper = readings_of(results.dataset, CUTOFF)
    remarks = ["Dashed: the paper's readings, in its own metric."] if paper else []
    remarks.append(emphasis.remark(method_curves.methods_of(found)))
    drawing = functools.partial(_draw, found, emphasis, paper)
    return StudyFigure(key, title, _sentence(found[bits], bits), drawing, " ".join(remarks).strip())


def _sentence(curves: Curves, bits: int) -> str:
    best = max(curves, key=lambda method: curves[method][1][-1])
    cutoffs, scores = curves[best]
    lowest = int(np.argmin(scores))
    return (
        f"At {bits} bits {label(best)}, which has the highest mean over all items, goes from {scores[0]:.3f} at k = "
        f"{cutoffs[0]:.0f} to {scores[-1]:.3f} over all {cutoffs[-1]:.0f} items, lowest at k = {cutoffs[lowest]:.0f} "
        f"({scores[lowest]:.3f}): a number at one cut-off cannot be set beside one at another."
    )


def _draw(found: dict[int, Curves], emphasis: Emphasis, paper: dict[str, pd.DataFrame]) -> Figure:
    grid = canvas.facets([f"{bits} bits" for bits in found], sharex=True, sharey=True)
    for panel, curves in zip(grid.panels, found.values(), strict=True):
        for method, reading in paper.items():
            if method not in curves or emphasis.is_pale(method):
                continue
            colour = style.look(method).colour
            panel.plot(
                reading["x"], reading["map"], color=colour, linestyle=style.PAPER_LINE, linewidth=1, alpha=0.7,
                label=f"{style.look(method).label} (the paper)",
            )  # fmt: skip
        method_curves.plot(panel, curves, emphasis)
        canvas.log_axis(panel)
    grid.label("k", "mAP of the first k")
    handles, labels = method_curves.legend_of(found, emphasis)
    if paper:
        handles.append(canvas.handle(style.Look(style.GREY, "", style.PAPER_LINE)))
        labels.append("the paper\n(its metric)")
    grid.legend(handles, labels)
    return grid.figure
