"""What the models of a study find for test queries of a data set, and pictures of both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.data import studied_data
from analysis.study_records import StudyRecords
from hasher.data import Items, Vectors
from hasher.data.registry import DEFAULT_DATA_DIR
from hasher.model_file import load_hasher
from hasher.search import pictures
from hasher.search.codes_file import hash_items
from hasher.search.index import HammingIndex
from hasher.search.results import Results, search
from study.plan.tasks import Cell


@dataclass(frozen=True, eq=False)
class Sides:
    """The test queries of a data set that are asked, and all items that are searched."""

    queries: Vectors
    database: Vectors

    @property
    def has_pictures(self) -> bool:
        """Whether items are pixels, or name the images they were made from."""
        return self.database.image_shape is not None or self.database.items.paths is not None


def spread_over(scores: NDArray[np.float64], quantiles: Sequence[float]) -> NDArray[np.int64]:
    """Places of the queries at these quantiles of their scores (queries,), each once, from the lowest."""
    order = np.argsort(scores, kind="stable")
    return order[np.unique(np.rint(np.asarray(quantiles) * (len(order) - 1)).astype(int))]


def sides(study: StudyRecords, dataset: str, chosen: NDArray[np.int64]) -> Sides:
    """Both, of the queries at the places `chosen`. Raises `UserError` where the data cannot be had."""
    studied = studied_data(study, dataset)
    data, split = studied.dataset, studied.split
    items = Items(data.name, np.arange(len(data)), data.labels, data.class_names, data.paths)
    queries, database = (
        Vectors(data.features[rows], items.take(rows), data.image_shape)
        for rows in (split.queries[chosen], split.database)
    )
    return Sides(queries, database)


def nearest(study: StudyRecords, cell: Cell, asked: Sides, count: int) -> Results:
    """The items whose codes are nearest by the cell's model. Raises `UserError` where that cannot be read."""
    hasher = load_hasher(study.folder.model(cell))
    queries, stored = hash_items(hasher, asked.queries), hash_items(hasher, asked.database)
    return search(HammingIndex.of_packed(stored.packed, stored.bits), stored, queries, count)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Of either side, by an item's place in it."""

    queries: pictures.PictureOf
    database: pictures.PictureOf


def pictures_of(study: StudyRecords, asked: Sides, found: Iterable[NDArray[np.int64]]) -> Pictures | str:
    """Pictures of the queries and of items that were `found` for them, or why there are none."""
    if not asked.has_pictures:
        return "the items of this data set are no pictures, and do not name the images they were made from"
    images = _images(asked, found)
    folder = _where_any_is(images, study)
    if images and folder is None:
        return f"none of the images to show is there ({images[0]} for one)"
    return Pictures(*(_pictures(side, folder or Path()) for side in (asked.queries, asked.database)))


def _images(asked: Sides, found: Iterable[NDArray[np.int64]]) -> list[str]:
    """The paths of the images to show; none where items are pixels."""
    queries, database = asked.queries.items.paths, asked.database.items.paths
    if queries is None or database is None:
        return []
    return [str(path) for path in (*queries, *(path for items in found for path in database[items.ravel()]))]


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
