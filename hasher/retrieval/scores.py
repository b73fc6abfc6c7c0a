"""Evaluate real-valued rankings, such as the cosine of the float vectors before hashing."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.retrieval.codes import as_array
from hasher.retrieval.labels import as_labels
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
        query_labels: (queries,) integers.
        database_labels: (items,) integers.
        k: cut of `Retrieval.map_at_k`.

    Raises:
        UserError: labels that do not fit, nothing to rank, scores of a wrong shape or not a number, or k below 1.
    """
    queries, database = as_labels(query_labels, "query_labels"), as_labels(database_labels, "database_labels")
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
        chunks.append(Chunk.of_groups(*_tied_groups(scores, queries[rows], database), cuts))
    return combine(chunks, cuts, bits=None)


def _tied_groups(
    scores: NDArray, query_labels: NDArray[np.int64], database_labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sizes of the groups of equal score, best first, and how many of each are relevant: both (queries, items)."""
    order = np.argsort(scores, axis=1)[:, ::-1]
    ranked = np.take_along_axis(scores, order, axis=1)
    group = np.zeros(scores.shape, np.int64)
    np.cumsum(ranked[:, 1:] != ranked[:, :-1], axis=1, out=group[:, 1:])
    group += np.arange(len(scores))[:, None] * scores.shape[1]
    hit = database_labels[order] == query_labels[:, None]
    counts = np.bincount(group.ravel(), minlength=scores.size).reshape(scores.shape)
    relevant = np.bincount(group[hit], minlength=scores.size).reshape(scores.shape)
    return counts, relevant


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
