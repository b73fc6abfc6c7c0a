"""Every score of the main table's cells with its interval, and how each method looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from analysis import style
from analysis.figures.emphasis import emphasis_of
from analysis.interactive.rounding import rounded
from analysis.names import label
from analysis.paper_numbers import printed_of
from analysis.results import DatasetResults
from analysis.statistics.intervals import Interval, error_interval
from analysis.summary import completed
from hasher.retrieval.metrics import BY_QUERY, SCORES, Score
from study.plan.tasks import Cell
from study.record.export import family_of

#: Curves of a marker's outline are drawn with as many straight pieces each.
_PIECES = 4


def metrics(found: Sequence[DatasetResults]) -> list[dict[str, str]]:
    """The scores that any of these has, the study's objective first."""
    spec = found[0].study.spec
    known = [score for score in SCORES if any(_has(results, score) for results in found)]
    known.sort(key=lambda score: score.name != spec.objective)
    return [{"name": score.name, "title": score.title(spec.k)} for score in known]


def _has(results: DatasetResults, score: Score) -> bool:
    return any(math.isfinite(results.summary(cell)[f"{score.name}_mean"]) for cell in results.compared_cells)


def looks(results: DatasetResults) -> list[dict[str, Any]]:
    """The rows of the main table, in their order, as figures draw them; the paper's numbers by code length."""
    emphasis = emphasis_of(results)
    found = []
    for method in results.compared:
        stands_back = emphasis.is_pale(method)
        look = style.pale(family_of(method)) if stands_back else style.look(method)
        printed = {} if stands_back else printed_of(results.dataset, method)
        found.append({
            "name": method, "label": label(method), "family": family_of(method), "colour": look.colour,
            "marker": outline(look.marker or "."), "dash": _dash(look.line), "pale": stands_back,
            "paper": printed or {},
        })  # fmt: skip
    return found


def _dash(line: Any) -> str:
    """The ``stroke-dasharray`` of a line; matplotlib counts in widths of the line, here 1.5 pixels."""
    return "" if line == "-" else " ".join(f"{1.5 * part:g}" for part in line[1])


def outline(marker: Any) -> str:
    """An SVG path of a matplotlib marker, one high, its curves as a few straight pieces each."""
    known = MarkerStyle(marker)
    drawn = []
    bezier: Any = known.get_path().transformed(known.get_transform()).iter_bezier()  # its stubs say no pairs
    for curve, code in bezier:
        parts = np.linspace(0, 1, _PIECES + 1)[1:] if code in (Path.CURVE3, Path.CURVE4) else [1.0]
        letter = "M" if code == Path.MOVETO else "L"
        drawn += [f"{letter}{x:.2f} {-y:.2f}" for x, y in map(curve, parts)]
    return "".join(drawn).replace("-0.00", "0.00")


def scores(results: DatasetResults) -> dict[str, list[list[Any]]]:
    """By metric a row a method and an entry a code length: mean, standard deviation, runs and the ends of the 95%
    interval, which are None where there is none; None where the cell has no such score."""
    shown = [score for score in SCORES if _has(results, score)]
    return {
        score.name: [
            [_score(results, results.cell(method, bits), score) for bits in results.bits] for method in results.compared
        ]
        for score in shown
    }


def _score(results: DatasetResults, cell: Cell, score: Score) -> list[Any] | None:
    row = results.summary(cell)
    mean = float(row[f"{score.name}_mean"])
    if not math.isfinite(mean):
        return None
    runs = int(completed(results.study, cell)[score.name].notna().sum())
    interval = _interval(results, cell, score)
    ends = [None, None] if interval is None else [rounded(interval.low), rounded(interval.high)]
    return [rounded(mean), rounded(float(row[f"{score.name}_sd"])), runs, *ends]


def _interval(results: DatasetResults, cell: Cell, score: Score) -> Interval | None:
    """That of the study's objective is the tables'; those of others are found without resampling."""
    if score.name == results.study.spec.objective:
        return results.interval(cell)
    if score.name not in BY_QUERY:
        return None
    arrays = [one.get(BY_QUERY[score.name].array) for one in results.evaluations.get(cell, [])]
    known = [array for array in arrays if array is not None]
    if not known or len(known) < len(arrays) or results.interval(cell) is None:
        return None
    return error_interval(np.stack(known).astype(np.float64))
