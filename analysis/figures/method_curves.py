"""Curves of an evaluation, one a method and code length: how they are collected and drawn."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis import style
from analysis.figures.emphasis import Emphasis, pale_line
from analysis.names import in_order
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


def plot(panel: Axes, curves: Curves, emphasis: Emphasis) -> None:
    """Methods in colour over linear hashes and references in grey, and those over methods that stand back."""
    for method, (x, y) in curves.items():
        if emphasis.is_pale(method):
            panel.plot(x, y, **pale_line(method))
            continue
        baseline = style.is_background(method)
        panel.plot(
            x, y, markersize=3.5, **style.look(method).line_style(linewidth=1.1 if baseline else 1.4),
            zorder=2 if baseline else 3,
        )  # fmt: skip


def methods_of(found: dict[int, Curves]) -> list[str]:
    """All methods in the panels."""
    return in_order(method for curves in found.values() for method in curves)


def legend_of(found: dict[int, Curves], emphasis: Emphasis) -> tuple[list[Line2D], list[str]]:
    """Samples and labels of all methods in the panels."""
    return emphasis.legend(methods_of(found))


def reference(results: DatasetResults, found: dict[int, Curves]) -> int:
    """The code length that a sentence speaks of."""
    return results.reference_bits if results.reference_bits in found else next(iter(found))
