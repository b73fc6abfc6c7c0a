"""Queries, what an index finds for them, and what is known of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hasher.data import Items
from hasher.errors import UserError
from hasher.labels import label_words
from hasher.search.codes_file import HashedItems
from hasher.search.index import HammingIndex, Neighbours


@dataclass(frozen=True, eq=False)
class Results:
    """The k nearest items of each query.

    Attributes:
        queries, database: what is known of either side.
        found: places in `database` and distances, (queries, k).
    """

    queries: Items
    database: Items
    found: Neighbours

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Where the classes of query and item are both known, and the database has the query's: (queries, k)."""
        names = list(dict.fromkeys((*self.queries.class_names, *self.database.class_names)))
        theirs = [name in self.database.class_names for name in names]
        known = np.asarray(self.queries.of_classes(names)[:, theirs].any(axis=1))
        return known[:, None] & (self._item_classes != "")

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Where they are known, and the same or of several one in common: (queries, k)."""
        queries, items = self.queries.labels, self.database.labels
        if queries is None or items is None or queries.ndim == items.ndim == 1:
            return self.labelled & (self._query_classes[:, None] == self._item_classes)
        names = list(dict.fromkeys((*self.queries.class_names, *self.database.class_names)))
        asked, stored = (label_words(side.of_classes(names)) for side in (self.queries, self.database))
        return np.asarray((asked[:, None] & stored[self.found.items]).any(axis=2))

    @property
    def precision(self) -> float | None:
        """Share of correct results among those that can be judged; None where none can."""
        labelled = self.labelled
        return float(self.correct.sum() / labelled.sum()) if labelled.any() else None

    @property
    def _query_classes(self) -> NDArray[np.str_]:
        return self.queries.classes(np.arange(len(self.queries)))

    @property
    def _item_classes(self) -> NDArray[np.str_]:
        return self.database.classes(self.found.items)

    def table(self) -> pd.DataFrame:
        """A row a result: numbers of query and item in their sources, rank from 1, distance, and what is known."""
        count, k = self.found.items.shape
        asked, items = np.repeat(np.arange(count), k), self.found.items.ravel()
        columns: dict[str, NDArray] = {
            "query": self.queries.rows[asked],
            "rank": np.tile(np.arange(1, k + 1), count),
            "item": self.database.rows[items],
            "distance": self.found.distances.ravel(),
        }
        if self.queries.ids is not None:
            columns["query_id"] = self.queries.ids[asked]
        if self.database.ids is not None:
            columns["item_id"] = self.database.ids[items]
        if self.queries.labels is not None:
            columns["query_label"] = self.queries.classes(asked)
        if self.database.labels is not None:
            columns["item_label"] = self.database.classes(items)
        if self.queries.paths is not None:
            columns["query_path"] = self.queries.paths[asked]
        if self.database.paths is not None:
            columns["item_path"] = self.database.paths[items]
        return pd.DataFrame(columns)


def search(index: HammingIndex, database: HashedItems, queries: HashedItems, k: int) -> Results:
    """The `k` nearest items of each query in `index`, which is that of `database`; an item never finds itself.

    Raises `UserError` for codes that were made by another hasher, k below 1, or nothing to find.
    """
    if queries.hasher != database.hasher:
        raise UserError(
            f"{queries.items.origin} and {database.items.origin} were encoded by two hashers (fingerprints "
            f"{queries.hasher[:12]}…, {database.hasher[:12]}…): distances between their codes mean nothing"
        )
    if queries.items.origin != database.items.origin:
        return Results(queries.items, database.items, index.search_packed(queries.packed, k))
    if len(index) == 1 and np.isin(queries.items.rows, database.items.rows).any():
        raise UserError(f"{database.items.origin}: holds nothing to find besides the query itself")
    found = index.search_packed(queries.packed, k + 1)
    itself = database.items.rows[found.items] == queries.items.rows[:, None]
    return Results(queries.items, database.items, _without(found, itself, k))


def _without(found: Neighbours, unwanted: NDArray[np.bool_], k: int) -> Neighbours:
    """`found` less at most one unwanted item a query, and at most `k`: the last goes where none is unwanted."""
    columns = found.items.shape[1]
    if columns <= k and not unwanted.any():
        return found
    unwanted[~unwanted.any(axis=1), -1] = True
    shape = (len(unwanted), columns - 1)
    return Neighbours(found.items[~unwanted].reshape(shape), found.distances[~unwanted].reshape(shape))
