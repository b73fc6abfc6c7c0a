"""The score that the paper's released code prints as mAP, for comparison with its tables only.

It is not mean average precision, for four reasons:

- Two items count as relevant to each other when the product of their labels is positive. That is right for rows of 0
  and 1, which then share a label, and wrong for class numbers: every pair of classes above 0 counts, and class 0
  matches nothing, not even itself. Random codes score about 0.9 on ten classes.
- Queries without a relevant item among the first k are left out of the mean instead of counting as 0.
- Average precision is divided by the relevant items found among the first k, not by those there are to find.
- Ties are in whatever order `numpy.argsort` leaves them. Its default sort is not stable, and numpy uses another one on
  processors with AVX-512, with AVX2 and with neither, so the same codes score differently from machine to machine
  (by up to 0.01 with a few dozen queries).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.labels import Labels
from hasher.retrieval.codes import as_bool
from hasher.retrieval.labels import LabelSets, as_labels, check_same_kind
from hasher.retrieval.result import Cuts

#: Distances held at once; a chunk has at least one query.
DISTANCES_AT_ONCE = 1 << 20


def released_map(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
    k: int = 200,
) -> float:
    """What the released code computes as mAP@k for these codes and labels, on this machine (see the module's text).

    Codes are (n, bits), boolean or ±1. Labels are (n,) integers and are taken as they are: where the data set does not
    have ten classes, the released code subtracts 1 from them when it loads the data. Several labels an item are rows
    of 0 and 1, whose product counts what two items share. NaN if no query has a hit, where the released code divides
    by zero.

    Raises:
        UserError: as `hasher.retrieval.evaluate`.
    """
    queries, database = as_bool(query_codes, "query_codes"), as_bool(database_codes, "database_codes")
    if queries.shape[1] != database.shape[1]:
        raise UserError(
            f"database_codes: expected {queries.shape[1]} bits, as query_codes has, not {database.shape[1]}"
        )
    positive_product = _positive_product(
        as_labels(query_labels, "query_labels", len(queries)),
        as_labels(database_labels, "database_labels", len(database)),
    )
    k = min(Cuts(len(database), k).k, len(database))
    query_values, database_values = (np.where(codes, np.float32(1), np.float32(-1)) for codes in (queries, database))
    at_once = max(1, DISTANCES_AT_ONCE // len(database))
    scores = []
    for first in range(0, len(queries), at_once):
        chunk = slice(first, first + at_once)
        # Halves of whole numbers below 2**24, so exact. The type matters: numpy sorts narrower ones another way.
        distances = 0.5 * (queries.shape[1] - query_values[chunk] @ database_values.T)
        ranking = np.argsort(distances, axis=1)[:, :k]
        scores.append(_average_precision_of_hits(np.take_along_axis(positive_product(chunk), ranking, axis=1)))
    found = np.concatenate(scores)
    return float(np.mean(found)) if len(found) else float("nan")


def _positive_product(query_labels: Labels, database_labels: Labels) -> Callable[[slice], NDArray[np.bool_]]:
    """A function that tells which products of some of the queries' labels with the items' are positive."""
    check_same_kind(query_labels, database_labels)
    if query_labels.ndim == 2:
        sets = LabelSets.of(query_labels, database_labels)
        return lambda rows: sets.shared(rows) > 0
    query_signs, database_signs = np.sign(query_labels), np.sign(database_labels)
    return lambda rows: query_signs[rows, None] * database_signs > 0


def _average_precision_of_hits(hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean precision at the hits of each ranking (queries, k), for the queries that have a hit."""
    hit = hit[hit.any(axis=1)]
    places = np.arange(1, hit.shape[1] + 1)
    return (hit * hit.cumsum(axis=1) / places).sum(axis=1) / hit.sum(axis=1)
