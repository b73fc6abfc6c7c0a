"""What was found, as lines for a terminal: a heading a query, and a line a result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hasher.data import Items
from hasher.files import shown
from hasher.search.results import Results

#: Characters of a path that are shown, its last ones.
LONGEST = 60


def listing(results: Results, queries: int) -> Iterator[str]:
    """The lines for the first `queries` queries: rank, distance, and what is known of the item."""
    found = results.found
    asked = np.arange(min(queries, len(found.items)))
    names = np.array([_name(results.database, int(place)) for place in found.items[asked].ravel()])
    classes = results.database.classes(found.items[asked])
    widest = max(map(len, classes.ravel().tolist()), default=0)
    for query, items in enumerate(names.reshape(len(asked), -1)):
        label = str(results.queries.classes(np.array([query]))[0])
        yield f"query {_name(results.queries, query)}" + (f" ({label})" if label else "")
        for rank, name in enumerate(items, start=1):
            distance, label = found.distances[query, rank - 1], classes[query, rank - 1]
            yield f"{rank:4d}  d = {distance:<3d}  {label:<{widest}}{'  ' if widest else ''}{name}".rstrip()


def _name(items: Items, place: int) -> str:
    """What to call an item: its file, its owner's name for it, or its number."""
    if items.paths is not None and items.paths[place]:
        path = shown(str(items.paths[place]))
        return path if len(path) <= LONGEST else f"…{path[1 - LONGEST :]}"
    return f"item {items.rows[place]}" if items.ids is None else str(items.ids[place])
