"""Nearest neighbours of some test queries, as pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.data import studied_data
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from analysis.study_records import StudyRecords
from hasher.data import Items, Vectors
from hasher.data.registry import DEFAULT_DATA_DIR
from hasher.errors import UserError
from hasher.model_file import load_hasher
from hasher.retrieval.metrics import METRICS
from hasher.search import contact_sheet, pictures
from hasher.search.codes_file import hash_items
from hasher.search.index import HammingIndex
from hasher.search.results import Results, search
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
    """Some queries with their average precision, what was found for them, and where pictures of both are from."""

    precision: NDArray[np.float64]
    found: Results
    queries: pictures.PictureOf
    database: pictures.PictureOf


def _retrieve(study: StudyRecords, cell: Cell) -> _Shown | str:
    """What to show, or why there are no pictures. Raises `UserError` where the data or the model cannot be had."""
    studied = studied_data(study, cell.dataset)
    data, split = studied.dataset, studied.split
    if data.image_shape is None and data.paths is None:
        return "the items of this data set are no pictures, and do not name the images they were made from"
    precision = (study.evaluation("test", cell, 0) or {})[METRICS["map"].array]
    order = np.argsort(precision, kind="stable")
    chosen = list(dict.fromkeys(int(order[round(q * (len(order) - 1))]) for q in QUANTILES))
    items = Items(data.name, np.arange(len(data)), data.labels, data.class_names, data.paths)
    queries, database = (
        Vectors(data.features[rows], items.take(rows), data.image_shape)
        for rows in (split.queries[chosen], split.database)
    )
    hasher = load_hasher(study.folder.model(cell))
    asked, stored = hash_items(hasher, queries), hash_items(hasher, database)
    found = search(HammingIndex.of_packed(stored.packed, stored.bits), stored, asked, NEIGHBOURS)
    images = _images(found)
    folder = _where_any_is(images, study)
    if images and folder is None:
        return f"none of the images to show is there ({images[0]} for one)"
    return _Shown(precision[chosen], found, *(_pictures(side, folder or Path()) for side in (queries, database)))


def _images(found: Results) -> list[str]:
    """The paths of the images to show; none where items are pixels."""
    queries, database = found.queries.paths, found.database.paths
    if queries is None or database is None:
        return []
    return [str(path) for path in (*queries, *database[found.found.items.ravel()])]


def _where_any_is(images: list[str], study: StudyRecords) -> Path | None:
    """Where relative paths of images start: here, or where the folder of the data is."""
    for folder in (Path(), (study.data_dir or DEFAULT_DATA_DIR).parent):
        if any(os.path.isfile(folder / path) for path in images):  # noqa: PTH113 - Path.is_file raises for some names
            return folder
    return None


def _pictures(side: Vectors, folder: Path) -> pictures.PictureOf:
    if side.items.paths is not None:
        return pictures.from_files(side.items.paths, folder)
    assert side.image_shape is not None
    return pictures.from_pixels(side.features, side.image_shape)


def _draw(shown: _Shown, heading: str) -> Figure:
    sheet = contact_sheet.tiles(shown.found, shown.queries, shown.database, len(shown.precision))
    for row, precision in zip(sheet, shown.precision, strict=True):
        row[0] = replace(row[0], note=f"AP {precision:.2f}")
    return contact_sheet.draw(sheet, heading)
