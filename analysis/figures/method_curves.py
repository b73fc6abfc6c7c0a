"""Curves of an evaluation, one a method and code length: how they are collected and drawn."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures import canvas
from analysis.names import in_order, label
from analysis.results import DatasetResults

#: x and y of each method at one code length, averaged over seeds.
Curves = dict[str, tuple[np.ndarray, np.ndarray]]


def collect(results: DatasetResults, x: str, y: str) -> dict[int, Curves]:
    """The arrays `x` and `y` of every method that has both, by bits; only code lengths with any."""
    found: dict[int, Curves] = {}
    for bits in results.bits:
        for method in results.evaluated(bits):
            along, up = results.mean_curve(method, bits, x), results.mean_curve(method, bits, y)
            if along is not None and up is not None:
                found.setdefault(bits, {})[method] = along, up
    return found


def plot(panel: Axes, curves: Curves) -> None:
    """Methods in colour over linear hashes and references in grey."""
    for method, (x, y) in curves.items():
        baseline = style.is_background(method)
        panel.plot(
            x, y, markersize=3.5, **style.look(method).line_style(linewidth=1.1 if baseline else 1.4),
            zorder=2 if baseline else 3,
        )  # fmt: skip


def legend_of(found: dict[int, Curves]) -> tuple[list[Line2D], list[str]]:
    """Samples and labels of all methods in the panels."""
    methods = in_order(method for curves in found.values() for method in curves)
    return [canvas.handle(style.look(method)) for method in methods], [label(method) for method in methods]


def reference(results: DatasetResults, found: dict[int, Curves]) -> int:
    """The code length that a sentence speaks of."""
    return results.reference_bits if results.reference_bits in found else next(iter(found))
