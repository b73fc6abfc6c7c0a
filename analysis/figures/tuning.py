"""How good the best of k random trials is."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.tuning import BAND, RIVAL, TuningCurve, tuning_curves, why_no_curve
from analysis.validation_level import validation_levels
from analysis.wording import span


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family, of studies whose trials were drawn at random; the others have `best-by-trials`."""
    return [expected_best_of_k(results)] if results.study.spec.sampler.name == "random" else []


def expected_best_of_k(results: DatasetResults) -> StudyFigure:
    """The expected best validation score of k trials: a panel a code length, a line a method."""
    key, title = "tuning-curve", "Expected best of k random trials"
    why = why_no_curve(results.study.spec)
    if why is not None:
        return nothing_to_draw(key, title, why)
    found = tuning_curves(results)
    if not found:
        return nothing_to_draw(key, title, "there are too few trials")
    bits = results.reference_bits if results.reference_bits in found else next(iter(found))
    remark = emphasis_of(results).remark(results.searched)
    levels = validation_levels(results, RIVAL)
    if levels:
        remark = f"{remark} Grey dashes: {label(RIVAL)} on the same validation queries.".strip()
    return StudyFigure(key, title, _sentence(found[bits], bits), lambda: _draw(results, found, levels), remark)


def _sentence(curves: dict[str, TuningCurve], bits: int) -> str:
    gains = {name: float(curve.expected[-1] - curve.expected[0]) for name, curve in curves.items()}
    most, least = max(gains, key=lambda name: gains[name]), min(gains, key=lambda name: gains[name])
    total = len(curves[most].expected)
    sentence = (
        f"At {bits} bits the best of {total} trials is expected {span(gains[least], gains[most], 3)} above one trial"
    )
    return (
        f"{sentence}. Lines are means over all subsets of k trials; in the band {BAND[1] - BAND[0]:.0%} of searches "
        "of k trials end."
    )


def _draw(results: DatasetResults, found: dict[int, dict[str, TuningCurve]], levels: dict[int, float]) -> Figure:
    emphasis = emphasis_of(results)
    grid = canvas.facets([f"{bits} bits" for bits in found], sharey=True)
    for panel, (bits, curves) in zip(grid.panels, found.items(), strict=True):
        if bits in levels:
            panel.axhline(levels[bits], color=style.GREY, linestyle=(0, (4, 3)), linewidth=1.2, label=label(RIVAL))
        for name, curve in curves.items():
            k = np.arange(1, len(curve.expected) + 1)
            if emphasis.is_pale(name):
                panel.plot(k, curve.expected, **pale_line(name))
                continue
            look = style.look(name)
            panel.fill_between(k, curve.low, curve.high, color=look.colour, alpha=0.08, linewidth=0)
            panel.plot(k, curve.expected, **look.line_style(markersize=4), markevery=max(1, len(k) // 6))
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:.0f}")
    grid.label("random trials of the cell", f"best validation {results.metric}")
    grid.legend(*emphasis.legend(dict.fromkeys(name for curves in found.values() for name in curves)))
    return grid.figure
