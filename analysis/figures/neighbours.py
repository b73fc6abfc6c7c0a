"""Nearest neighbours of some test queries, as pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.nearest import Pictures, nearest, pictures_of, sides, spread_over
from analysis.results import DatasetResults
from analysis.study_records import StudyRecords
from hasher.errors import UserError
from hasher.retrieval.metrics import METRICS
from hasher.search import contact_sheet
from hasher.search.results import Results
from study.plan.tasks import Cell

#: As many as leave a contact sheet about as wide as other figures, so that a report can show it at its size.
NEIGHBOURS = 5
#: Queries shown: those at these quantiles of average precision, so that failures are shown as well.
QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [nearest_neighbours(results)]


def nearest_neighbours(results: DatasetResults) -> StudyFigure:
    """Queries from the worst to the best and the items whose codes are nearest, right and wrong ones framed."""
    key, title = "nearest-neighbours", "Nearest neighbours of some queries"
    cell = _best_cell(results)
    if cell is None:
        return nothing_to_draw(key, title, "no searched cell with a stored model and an evaluated first test run")
    try:
        shown = _retrieve(results.study, cell)
    except UserError as error:
        return nothing_to_draw(key, title, f"the data or the model cannot be had ({error})")
    if isinstance(shown, str):
        return nothing_to_draw(key, title, shown)
    labelled, correct = shown.found.labelled, shown.found.correct
    labels = shown.found.database.labels
    several = labels is not None and labels.ndim == 2
    apart, own = ("share no class with their query", "classes") if several else ("are of another class", "class")
    sentence = (
        f"{label(cell.method)} at {cell.bits} bits, the best by validation of the cells with a model; from the query "
        f"with the worst average precision (AP, top) to the best. {int((labelled & ~correct).sum())} of the "
        f"{labelled.size} neighbours shown {apart}. Under each stand its {own} and its Hamming distance d."
    )
    name = f"{label(cell.method)}, {cell.bits} bits"
    heading = f"{name}: nearest of {len(shown.found.database):,} items"
    return StudyFigure(key, f"{title}: {name}", sentence, lambda: _draw(shown, heading))


def _best_cell(results: DatasetResults) -> Cell | None:
    for method, bits in results.winners[["method", "bits"]].itertuples(index=False, name=None):
        cell = results.cell(method, int(bits))
        if results.study.folder.model(cell).exists() and results.study.evaluation("test", cell, 0) is not None:
            return cell
    return None


@dataclass(frozen=True, eq=False)
class _Shown:
    """Some queries with their average precision, what was found for them, and pictures of both."""

    precision: NDArray[np.float64]
    found: Results
    pictures: Pictures


def _retrieve(study: StudyRecords, cell: Cell) -> _Shown | str:
    """What to show, or why there are no pictures. Raises `UserError` where the data or the model cannot be had."""
    precision = (study.evaluation("test", cell, 0) or {})[METRICS["map"].array]
    chosen = spread_over(precision, QUANTILES)
    asked = sides(study, cell.dataset, chosen)
    if not asked.has_pictures:
        return str(pictures_of(study, asked, []))
    found = nearest(study, cell, asked, NEIGHBOURS)
    pictures = pictures_of(study, asked, [found.found.items])
    return pictures if isinstance(pictures, str) else _Shown(precision[chosen], found, pictures)


def _draw(shown: _Shown, heading: str) -> Figure:
    sheet = contact_sheet.tiles(shown.found, shown.pictures.queries, shown.pictures.database, len(shown.precision))
    for row, precision in zip(sheet, shown.precision, strict=True):
        row[0] = replace(row[0], note=f"AP {precision:.2f}")
    return contact_sheet.draw(sheet, heading)
