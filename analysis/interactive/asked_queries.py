"""Some test queries, from the hardest to the easiest, and what each method's model finds for them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.figures.emphasis import emphasis_of
from analysis.interactive.rounding import rounded
from analysis.names import label
from analysis.nearest import Pictures, Sides, nearest, pictures_of, sides, spread_over
from analysis.results import DatasetResults
from hasher.errors import UserError
from hasher.search.pictures import Picture
from hasher.search.results import Results

#: Queries to choose from, and what is shown of each.
QUERIES, NEIGHBOURS = 12, 6
#: Longest side of a picture in pixels, and that up to which pixels are kept as they are.
SIDE, SMALL = 56, 32


def asked_queries(results: DatasetResults) -> dict[str, Any] | None:
    """Queries with what was found by methods at the code length of figures that show one; None where no method has a
    model and an evaluated first run, or the data cannot be had.

    Found items have their place among `items`, their distance and whether they are right (None where nobody knows).
    """
    bits = results.reference_bits
    precision = _precision(results, bits)
    if not precision:
        return None
    chosen = spread_over(np.mean(list(precision.values()), axis=0), np.linspace(0, 1, QUERIES).tolist())
    try:
        asked = sides(results.study, results.dataset, chosen)
        found = {name: nearest(results.study, results.cell(name, bits), asked, NEIGHBOURS) for name in precision}
    except UserError:  # the figure of neighbours says why
        return None
    places = np.unique([one.found.items for one in found.values()])
    pictures = pictures_of(results.study, asked, [places])
    classes = asked.database.items.classes(places)
    return {
        "bits": bits,
        "of": len(asked.database.items),
        "methods": [label(name) for name in found],
        "items": [[str(name), _shown(pictures, int(place))] for place, name in zip(places, classes, strict=True)],
        "asked": [_query(asked, pictures, chosen, number) for number in range(len(chosen))],
        "precision": [[rounded(float(value)) for value in one[chosen]] for one in precision.values()],
        "found": [_found(one, places) for one in found.values()],
    }


def _precision(results: DatasetResults, bits: int) -> dict[str, NDArray[np.float64]]:
    """The scores by query of the first run, which the model is of, by method."""
    found = {}
    for name in emphasis_of(results).panels(results.compared):
        cell = results.cell(name, bits)
        arrays = results.study.evaluation("test", cell, 0)
        if arrays is not None and results.study.folder.model(cell).exists():
            found[name] = arrays[results.study.metric.array]
    return found


def _query(asked: Sides, pictures: Pictures | str, chosen: NDArray[np.int64], number: int) -> list[Any]:
    """Its number among the test queries, class and picture."""
    name = str(asked.queries.items.classes(np.array([number]))[0])
    picture = None if isinstance(pictures, str) else picture_uri(pictures.queries(number))
    return [int(chosen[number]), name, picture]


def _shown(pictures: Pictures | str, place: int) -> str | None:
    return None if isinstance(pictures, str) else picture_uri(pictures.database(place))


def picture_uri(picture: Picture) -> str | None:
    """A small picture as a data URI: pixels as they are where they are few."""
    if picture.pixels is None:
        return None
    image, content = Image.fromarray(picture.pixels), io.BytesIO()
    few = max(image.size) <= SMALL
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    kind = "png" if few else "jpeg"
    image.save(content, kind, **({"optimize": True} if few else {"quality": 70}))
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"


def _found(one: Results, places: NDArray[np.int64]) -> list[list[list[int | None]]]:
    """For each query its neighbours: place among `places`, distance, and 1 right, 0 wrong or None."""
    items, distances = np.searchsorted(places, one.found.items), one.found.distances
    labelled, correct = one.labelled, one.correct
    return [
        [
            [int(items[q, k]), int(distances[q, k]), int(correct[q, k]) if labelled[q, k] else None]
            for k in range(items.shape[1])
        ]
        for q in range(len(items))
    ]
