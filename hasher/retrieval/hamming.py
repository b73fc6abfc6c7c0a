"""Evaluate hash codes: rank a database by Hamming distance to each query."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.retrieval.codes import as_bool, as_words
from hasher.retrieval.groups import Groups
from hasher.retrieval.kernels import MAX_BITS, hamming_histograms, shared_histograms
from hasher.retrieval.labels import ClassBlocks, LabelSets, as_labels, relevance
from hasher.retrieval.result import Chunk, Cuts, Retrieval, combine

#: Queries whose histograms are held at once, by each thread.
QUERIES_AT_ONCE = 512


def evaluate(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
    k: int = 200,
    threads: int = 1,
) -> Retrieval:
    """Retrieval metrics of hash codes, as expectations over all orders of items at equal Hamming distance.

    An item is relevant to a query if their labels are equal or, of several an item, if they share one. A query with
    nothing relevant in the database scores 0. Memory does not grow with queries times items.

    Args:
        query_codes: (queries, bits), boolean or ±1.
        query_labels: (queries,) integers of any values, or several an item as (queries, classes) booleans or 0 and 1.
        database_codes: (items, bits), boolean or ±1.
        database_labels: the same for the database.
        k: cut of `Retrieval.map_at_k`.
        threads: threads to use. The result does not depend on it.

    Raises:
        UserError: shapes, lengths or values that do not fit, nothing to rank, or k below 1.
    """
    queries, database = as_bool(query_codes, "query_codes"), as_bool(database_codes, "database_codes")
    bits = queries.shape[1]
    if database.shape[1] != bits:
        raise UserError(f"database_codes: expected {bits} bits, as query_codes has, not {database.shape[1]}")
    packed = np.packbits(queries, axis=1), np.packbits(database, axis=1)
    return evaluate_packed(packed[0], query_labels, packed[1], database_labels, bits, k, threads)


def evaluate_packed(
    query_codes: ArrayLike,
    query_labels: ArrayLike,
    database_codes: ArrayLike,
    database_labels: ArrayLike,
    bits: int,
    k: int = 200,
    threads: int = 1,
) -> Retrieval:
    """`evaluate` for codes that are packed already, which training loops and large databases need not unpack.

    Args:
        query_codes: uint8 (queries, ceil(bits / 8)) as `pack` returns them, or uint64 words (queries, ceil(bits / 64)).
        query_labels: as in `evaluate`.
        database_codes: the same for the database.
        database_labels: as in `evaluate`.
        bits: length of the codes.
        k: cut of `Retrieval.map_at_k`.
        threads: threads to use. The result does not depend on it.

    Raises:
        UserError: as `evaluate`, or codes with more than `bits` bits in use.
    """
    if not 1 <= bits <= MAX_BITS:
        raise UserError(f"bits: must be 1 to {MAX_BITS}, not {bits}")
    if threads < 1:
        raise UserError(f"threads: must be at least 1, not {threads}")
    queries, database = as_words(query_codes, bits, "query_codes"), as_words(database_codes, bits, "database_codes")
    found = relevance(
        as_labels(query_labels, "query_labels", len(queries)),
        as_labels(database_labels, "database_labels", len(database)),
    )
    cuts = Cuts(len(database), k)
    used = np.bitwise_or.reduce(queries, axis=0) | np.bitwise_or.reduce(database, axis=0)
    if (in_use := int(np.bitwise_count(used).sum())) > bits:
        raise UserError(f"bits: the codes use {in_use} bits, more than {bits}; bits that fill the last byte must be 0")
    if isinstance(found, ClassBlocks):
        histograms = _by_class(found, queries, database, bits)
    else:
        histograms = _by_label_set(found, queries, database, bits)

    def score(first: int) -> Chunk:
        return Chunk.of_histograms(histograms(slice(first, first + QUERIES_AT_ONCE)), cuts)

    firsts = range(0, len(queries), QUERIES_AT_ONCE)
    if threads == 1:  # on a busy machine a second thread would only wait for its turn
        return combine([score(first) for first in firsts], cuts, bits)
    with ThreadPoolExecutor(threads) as pool:
        return combine(list(pool.map(score, firsts)), cuts, bits)


def _by_class(
    blocks: ClassBlocks, queries: NDArray[np.uint64], database: NDArray[np.uint64], bits: int
) -> Callable[[slice], Groups]:
    """A function that groups the database by its distance from some of the queries."""
    columns = np.ascontiguousarray(database[blocks.order].T)

    def histograms(rows: slice) -> Groups:
        counts, relevant = np.zeros((2, len(queries[rows]), bits + 1), np.int64)
        hamming_histograms(queries[rows], columns, blocks.starts[rows], blocks.stops[rows], counts, relevant)
        return Groups.of_classes(counts, relevant)

    return histograms


def _by_label_set(
    sets: LabelSets, queries: NDArray[np.uint64], database: NDArray[np.uint64], bits: int
) -> Callable[[slice], Groups]:
    """The same where items have several labels."""
    columns, labels = (np.ascontiguousarray(words.T) for words in (database, sets.database))

    def histograms(rows: slice) -> Groups:
        counts, relevant, gains = np.zeros((3, len(queries[rows]), bits + 1), np.int64)
        sharing = np.zeros((len(counts), sets.most + 1), np.int64)
        shared_histograms(queries[rows], sets.queries[rows], columns, labels, counts, relevant, gains, sharing)
        return Groups(counts, relevant, gains, sharing)

    return histograms
