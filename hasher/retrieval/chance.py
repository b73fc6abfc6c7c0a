"""What a metric gives to codes that know nothing of the classes: the level every score has to be read against."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hasher.errors import UserError
from hasher.retrieval.groups import Groups
from hasher.retrieval.hamming import evaluate
from hasher.retrieval.labels import as_labels, relevant_items
from hasher.retrieval.released import released_map
from hasher.retrieval.result import Chunk, Cuts


def base_rate(query_labels: ArrayLike, database_labels: ArrayLike) -> float:
    """Share of the database that is relevant to a query, averaged over the queries.

    This is Σ p_c² where queries and database have classes in the same proportions p_c: the expected precision of
    any ranking that ignores the classes, and what its `map` tends to in a large database. `random_map` is exact.
    """
    database = as_labels(database_labels, "database_labels")
    return float(relevant_items(as_labels(query_labels, "query_labels"), database).mean() / len(database))


def random_map(query_labels: ArrayLike, database_labels: ArrayLike, k: int | None = None) -> float:
    """Expected `map` of random codes, or with `k` their expected `map_at_k`.

    Random codes rank the database in a random order, so the expectation is that of a database tied as a whole. For R
    of N items relevant that is R/N + (1 - R/N) H(N)/N or nearly so, a little above the base rate R/N.
    """
    queries, database = as_labels(query_labels, "query_labels"), as_labels(database_labels, "database_labels")
    cuts = Cuts(len(database), len(database) if k is None else k)
    relevant = relevant_items(queries, database)[:, None]
    chunk = Chunk.of_groups(Groups.of_classes(np.full_like(relevant, len(database)), relevant), cuts)
    return float(chunk.average_precision[:, np.searchsorted(cuts.all, min(cuts.k, cuts.size))].mean())


@dataclass(frozen=True)
class ChanceScores:
    """What each number gives to one draw of random codes."""

    map: float
    map_at_k: float
    map_released: float


def random_codes_scores(
    query_labels: ArrayLike, database_labels: ArrayLike, bits: int, k: int = 200, seed: int = 0
) -> ChanceScores:
    """The three mAPs of one draw of random codes of `bits` bits, for these labels; the same for the same `seed`."""
    queries, database = as_labels(query_labels, "query_labels"), as_labels(database_labels, "database_labels")
    if bits < 1:
        raise UserError(f"bits: must be at least 1, not {bits}")
    codes = np.random.default_rng(seed).random((len(queries) + len(database), bits)) < 0.5
    query_codes, database_codes = np.split(codes, [len(queries)])
    result = evaluate(query_codes, queries, database_codes, database, k)
    released = released_map(query_codes, queries, database_codes, database, k)
    return ChanceScores(result.map, result.map_at_k, released)
