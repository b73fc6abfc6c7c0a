"""Evaluate real-valued rankings, such as the cosine of the float vectors before hashing."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.retrieval.codes import as_array
from hasher.retrieval.groups import Groups
from hasher.retrieval.labels import LabelSets, as_labels, relevance
from hasher.retrieval.result import Chunk, Cuts, Retrieval, combine

#: Scores held at once; a chunk has at least one query. Sorting needs some five arrays of this size.
SCORES_AT_ONCE = 1 << 20

#: Cosines are rounded to this many decimals, or rounding errors of the matrix product would break exact ties.
COSINE_DECIMALS = 10


def evaluate_scores(
    score_rows: Callable[[slice], NDArray],
    query_labels: ArrayLike,
    database_labels: ArrayLike,
    k: int = 200,
) -> Retrieval:
    """Retrieval metrics of rankings by a real-valued score, as expectations over all orders of items of equal score.

    Args:
        score_rows: gives the scores of a slice of the queries with every item, (queries in the slice, items); the
            higher, the better. Called for one chunk of queries after another, so that memory stays bounded.
        query_labels: (queries,) integers, or several an item as (queries, classes) booleans or 0 and 1.
        database_labels: the same for the database.
        k: cut of `Retrieval.map_at_k`.

    Raises:
        UserError: labels that do not fit, nothing to rank, scores of a wrong shape or not a number, or k below 1.
    """
    queries, database = as_labels(query_labels, "query_labels"), as_labels(database_labels, "database_labels")
    found = relevance(queries, database)
    cuts = Cuts(len(database), k)
    at_once = max(1, SCORES_AT_ONCE // len(database))
    chunks = []
    for first in range(0, len(queries), at_once):
        rows = slice(first, min(first + at_once, len(queries)))
        scores = as_array(score_rows(rows), "scores")
        if scores.shape != (rows.stop - rows.start, len(database)):
            raise UserError(f"scores: expected shape {(rows.stop - rows.start, len(database))}, not {scores.shape}")
        if np.isnan(scores).any():
            raise UserError(f"scores: not a number for a query among {rows.start} to {rows.stop - 1}")
        if isinstance(found, LabelSets):
            groups = _tied_sets(scores, found.shared(rows))
        else:
            groups = _tied_classes(scores, queries[rows], database)
        chunks.append(Chunk.of_groups(groups, cuts))
    return combine(chunks, cuts, bits=None)


def _tied_classes(scores: NDArray, query_labels: NDArray[np.int64], database_labels: NDArray[np.int64]) -> Groups:
    """The groups of equal score, best first, where items have one label."""
    order, group = _ranked(scores)
    hit = database_labels[order] == query_labels[:, None]
    counts = np.bincount(group.ravel(), minlength=scores.size).reshape(scores.shape)
    relevant = np.bincount(group[hit], minlength=scores.size).reshape(scores.shape)
    return Groups.of_classes(counts, relevant)


def _tied_sets(scores: NDArray, shared: NDArray[np.int64]) -> Groups:
    """The same where items have several labels, of which `shared` (queries, items) are the query's too."""
    order, group = _ranked(scores)
    ranked = np.take_along_axis(shared, order, axis=1)
    counts = np.bincount(group.ravel(), minlength=scores.size).reshape(scores.shape)
    relevant = np.bincount(group[ranked > 0], minlength=scores.size).reshape(scores.shape)
    gains = np.bincount(group.ravel(), ranked.ravel(), scores.size).astype(np.int64).reshape(scores.shape)
    sharing = np.stack([np.count_nonzero(shared == common, axis=1) for common in range(shared.max() + 1)], axis=1)
    return Groups(counts, relevant, gains, sharing)


def _ranked(scores: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items by score, best first, and the group of equal score of each place, both (queries, items).

    Groups count from 0 for the first query, from the number of items for the second, and so on.
    """
    order = np.argsort(scores, axis=1)[:, ::-1]
    ranked = np.take_along_axis(scores, order, axis=1)
    group = np.zeros(scores.shape, np.int64)
    np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1, out=group[:, 1:])
    group += np.arange(len(scores))[:, None] * scores.shape[1]
    return order, group


def evaluate_cosine(
    query_vectors: ArrayLike,
    query_labels: ArrayLike,
    database_vectors: ArrayLike,
    database_labels: ArrayLike,
    k: int = 200,
) -> Retrieval:
    """`evaluate_scores` for the cosine of real-valued vectors: (queries, d) and (items, d).

    Cosines are computed in double precision and rounded to ten decimals, so that equal vectors tie. A zero vector has
    cosine 0 with everything.

    Raises:
        UserError: shapes, lengths or values that do not fit, nothing to rank, or k below 1.
    """
    queries, database = _unit_rows(query_vectors, "query_vectors"), _unit_rows(database_vectors, "database_vectors")
    if queries.shape[1] != database.shape[1]:
        raise UserError(
            f"database_vectors: expected {queries.shape[1]} dimensions, as query_vectors has, not {database.shape[1]}"
        )
    return evaluate_scores(
        lambda rows: np.round(queries[rows] @ database.T, COSINE_DECIMALS),
        as_labels(query_labels, "query_labels", len(queries)),
        as_labels(database_labels, "database_labels", len(database)),
        k,
    )


def _unit_rows(vectors: ArrayLike, name: str) -> NDArray[np.float64]:
    array = as_array(vectors, name)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "biuf":
        raise UserError(f"{name}: expected numbers of shape (n, d), not {array.dtype} of shape {array.shape}")
    floats = array.astype(np.float64)
    if not np.isfinite(floats).all():
        raise UserError(f"{name}: row {np.argwhere(~np.isfinite(floats))[0, 0]} has a value that is not finite")
    length = np.linalg.norm(floats, axis=1, keepdims=True)
    return np.divide(floats, length, out=floats, where=length > 0)
