"""Nearest neighbours of some test queries, as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.data import studied_data
from analysis.figures import canvas
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults
from hasher.data import EmbeddingSet, Split
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.model_file import load_hasher
from study.plan.tasks import Cell

NEIGHBOURS = 8
#: Characters of a class name that there is room for.
LONGEST_NAME = 13
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
        return nothing_to_draw(key, title, "no cell with a stored model and an evaluated first replicate")
    try:
        shown = _retrieve(results, cell)
    except UserError as error:
        return nothing_to_draw(key, title, f"the data or the model cannot be had ({error})")
    if isinstance(shown, str):
        return nothing_to_draw(key, title, shown)
    wrong = sum(int((~row.relevant).sum()) for row in shown)
    count = sum(len(row.relevant) for row in shown)
    sentence = (
        f"{label(cell.method)} at {cell.bits} bits, the best by validation of the cells with a model; from the query "
        f"with the worst average precision (top) to the best. {wrong} of the {count} neighbours shown are of another "
        f"class: orange, dashed and crossed. Under each stand its class and its Hamming distance."
    )
    return StudyFigure(key, f"{title}: {label(cell.method)}, {cell.bits} bits", sentence, lambda: _draw(shown))


def _best_cell(results: DatasetResults) -> Cell | None:
    for row in results.winners[["method", "bits"]].itertuples(index=False):
        cell = Cell(results.dataset, row[0], int(row[1]))
        if results.study.run.model(cell).exists() and results.study.evaluation("replicate", cell, 0) is not None:
            return cell
    return None


@dataclass(frozen=True)
class _Row:
    """One query and its neighbours; pictures are (height, width)."""

    query: np.ndarray
    query_class: str
    average_precision: float
    pictures: list[np.ndarray]
    classes: list[str]
    relevant: np.ndarray
    distances: np.ndarray


def _retrieve(results: DatasetResults, cell: Cell) -> list[_Row] | str:
    """The rows to show, or why there are none."""
    studied = studied_data(results.study, results.dataset)
    dataset, split = studied.dataset, studied.split
    if dataset.image_shape is None:
        return "the items of this data set are not pictures"
    encoder = load_hasher(results.study.run.model(cell)).model.encoder
    evaluation = results.study.evaluation("replicate", cell, 0) or {}
    precision = evaluation["average_precision"]
    order = np.argsort(precision, kind="stable")
    chosen = list(dict.fromkeys(int(order[round(q * (len(order) - 1))]) for q in QUANTILES))
    queries = encode(encoder, dataset.features[split.queries[chosen]])
    database = encode(encoder, dataset.features[split.database])
    return [
        _row(dataset, split, position, float(precision[position]), np.count_nonzero(database != code, axis=1))
        for position, code in zip(chosen, queries, strict=True)
    ]


def _row(dataset: EmbeddingSet, split: Split, position: int, precision: float, distances: np.ndarray) -> _Row:
    nearest = np.argsort(distances, kind="stable")[:NEIGHBOURS]
    query, items = split.queries[position], split.database[nearest]
    labels = dataset.labels[items]
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in dataset.class_names]
    return _Row(
        query=_picture(dataset, query),
        query_class=names[dataset.labels[query]],
        average_precision=precision,
        pictures=[_picture(dataset, item) for item in items],
        classes=[names[one] for one in labels],
        relevant=labels == dataset.labels[query],
        distances=distances[nearest],
    )


def _picture(dataset: EmbeddingSet, item: int) -> np.ndarray:
    return dataset.features[item].reshape(dataset.image_shape)


def _draw(rows: list[_Row]) -> Figure:
    columns = 1 + max(len(row.pictures) for row in rows)
    figure = Figure(figsize=(canvas.WIDTH, 0.98 * len(rows) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for panels, row in zip(grid, rows, strict=True):
        _show(panels[0], row.query, f"{row.query_class}\nAP {row.average_precision:.2f}")
        _frame(panels[0], style.BLACK, "-", 1.0)
        for panel, picture, name, relevant, distance in zip(
            panels[1:], row.pictures, row.classes, row.relevant, row.distances, strict=False
        ):
            mark = "" if relevant else "✗ "
            _show(panel, picture, f"{mark}{name}\nd = {distance}")
            _frame(panel, style.BLUE if relevant else style.VERMILION, "-" if relevant else (0, (3, 1.5)), 2.0)
        for unused in panels[1 + len(row.pictures) :]:
            unused.remove()
    grid[0, 0].set_title("query", fontsize=8)
    return figure


def _show(panel: Axes, picture: np.ndarray, text: str) -> None:
    panel.imshow(picture, cmap="gray_r", interpolation="nearest")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(visible=False)
    panel.set_xlabel(text, fontsize=6.5, labelpad=2)


def _frame(panel: Axes, colour: str, line: object, width: float) -> None:
    for spine in panel.spines.values():
        spine.set(visible=True, color=colour, linestyle=line, linewidth=width, capstyle="butt")
