"""The compiled loops every metric rests on: Hamming histograms, and what tie orders make of a ranking.

All are compiled when this module is first imported and cached on disk. They stay in one file because numba notices a
change in the file of a cached function, but not in the files of the functions it calls.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

#: Longest code the histogram kernel takes: a distance must fit 16 bits, which vectorise better than wider ones.
MAX_BITS = np.iinfo(np.uint16).max

#: Items whose distances are computed at once, into a buffer that stays in the first-level cache.
TILE = 1024

#: Partial histograms that take turns counting: each count into one histogram would wait for the count before whenever
#: two distances in a row are equal.
TURNS = 8

#: Below this many items seen, harmonic numbers are summed term by term; above it the series is exact to rounding.
SERIES_START = 64

WORDS = types.Array(types.uint64, 2, "C", readonly=True)
OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
GROUPS = types.Array(types.int64, 2, "C")
SCORES = types.Array(types.float64, 2, "C")
TABLE = types.Array(types.float64, 1, "C", readonly=True)


def compiled(*arguments: types.Type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile a function for `arguments`, releasing the GIL, and cache it next to the source or in the user's cache.

    Where neither place can be written (a read-only image without a home directory) it is compiled without a cache.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = types.void(*arguments)
        try:
            return njit(signature, nogil=True, error_model="numpy", cache=True)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return njit(signature, nogil=True, error_model="numpy")(function)

    return decorate


def _popcount(context: Any, word: Any) -> Any:
    """Number of set bits of a 64-bit word, as the processor's own instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)


@njit(inline="always")
def add_distances(
    query: NDArray[np.uint64],
    database: NDArray[np.uint64],
    begin: int,
    end: int,
    distances: NDArray[np.uint16],
    partial: NDArray[np.int64],
) -> None:
    """Count the distances from `query` to the items `begin` to `end` of `database` in `partial`, (turns, bits + 1).

    Distances and counting are separate loops so that the first vectorises.
    """
    for tile in range(begin, end, TILE):
        size = min(TILE, end - tile)
        distances[:] = 0
        for word in range(query.shape[0]):
            bits = query[word]
            column = database[word, tile : tile + size]
            for item in range(size):
                distances[item] += np.uint16(popcount(bits ^ column[item]))
        whole = size - size % TURNS
        for item in range(0, whole, TURNS):
            for turn in range(TURNS):
                partial[turn, np.intp(distances[item + turn])] += 1
        for item in range(whole, size):
            partial[0, np.intp(distances[item])] += 1


@njit(inline="always")
def move_counts(partial: NDArray[np.int64], histogram: NDArray[np.int64]) -> None:
    """Add the partial histograms to `histogram` and set them to zero."""
    for turn in range(TURNS):
        for distance in range(histogram.shape[0]):
            histogram[distance] += partial[turn, distance]
            partial[turn, distance] = 0


@compiled(WORDS, WORDS, OFFSETS, OFFSETS, GROUPS, GROUPS)
def hamming_histograms(
    queries: NDArray[np.uint64],
    database: NDArray[np.uint64],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    counts: NDArray[np.int64],
    relevant: NDArray[np.int64],
) -> None:
    """Histograms of Hamming distances: of all items into `counts`, of the relevant ones into `relevant`.

    `queries` is (q, words), `database` (words, n) sorted by class so that the items relevant to query i are those from
    ``starts[i]`` to ``stops[i]``. `counts` and `relevant` are (q, bits + 1) and zero on entry; no distance may
    exceed bits, which the caller has to make sure of.
    """
    distances = np.empty(TILE, np.uint16)
    partial = np.zeros((TURNS, counts.shape[1]), np.int64)
    for i in range(queries.shape[0]):
        add_distances(queries[i], database, 0, starts[i], distances, partial)
        add_distances(queries[i], database, stops[i], database.shape[1], distances, partial)
        move_counts(partial, counts[i])
        add_distances(queries[i], database, starts[i], stops[i], distances, partial)
        move_counts(partial, relevant[i])
        for distance in range(counts.shape[1]):
            counts[i, distance] += relevant[i, distance]


@njit(inline="always")
def add_shared(
    query: NDArray[np.uint64],
    labels: NDArray[np.uint64],
    database: NDArray[np.uint64],
    database_labels: NDArray[np.uint64],
    width: int,
    buffers: NDArray[np.uint16],
    partial: NDArray[np.int64],
) -> None:
    """Count every item of `database` in `partial` (turns, groups) at its distance times `width` plus shared labels.

    As `add_distances`, with a second loop that vectorises in the same way. `buffers` are (2, `TILE`).
    """
    distances, shared = buffers[0], buffers[1]
    for tile in range(0, database.shape[1], TILE):
        size = min(TILE, database.shape[1] - tile)
        distances[:] = 0
        for word in range(query.shape[0]):
            bits = query[word]
            column = database[word, tile : tile + size]
            for item in range(size):
                distances[item] += np.uint16(popcount(bits ^ column[item]))
        shared[:] = 0
        for word in range(labels.shape[0]):
            bits = labels[word]
            if bits == 0:
                continue
            column = database_labels[word, tile : tile + size]
            for item in range(size):
                shared[item] += np.uint16(popcount(bits & column[item]))
        whole = size - size % TURNS
        for item in range(0, whole, TURNS):
            for turn in range(TURNS):
                place = np.intp(distances[item + turn]) * width + np.intp(shared[item + turn])
                partial[turn, place] += 1
        for item in range(whole, size):
            partial[0, np.intp(distances[item]) * width + np.intp(shared[item])] += 1


@compiled(WORDS, WORDS, WORDS, WORDS, GROUPS, GROUPS, GROUPS, GROUPS)
def shared_histograms(
    queries: NDArray[np.uint64],
    query_labels: NDArray[np.uint64],
    database: NDArray[np.uint64],
    database_labels: NDArray[np.uint64],
    counts: NDArray[np.int64],
    relevant: NDArray[np.int64],
    gains: NDArray[np.int64],
    sharing: NDArray[np.int64],
) -> None:
    """`hamming_histograms` where items have sets of labels, and are relevant where they share one with the query.

    Labels are bit sets, (q, words) and (words, n). `gains` (q, bits + 1) are the labels shared with the query at each
    distance, summed over items; `sharing` (q, most + 1) the items by the number of labels shared, `most` at least that
    of any query. All four are zero on entry.
    """
    buffers = np.empty((2, TILE), np.uint16)
    partial = np.zeros((TURNS, counts.shape[1] * sharing.shape[1]), np.int64)
    for i in range(queries.shape[0]):
        width: Any = 1
        for word in range(query_labels.shape[1]):
            width += np.intp(popcount(query_labels[i, word]))
        add_shared(queries[i], query_labels[i], database, database_labels, width, buffers, partial)
        for distance in range(counts.shape[1]):
            for common in range(width):
                found = 0
                for turn in range(TURNS):
                    found += partial[turn, distance * width + common]
                    partial[turn, distance * width + common] = 0
                counts[i, distance] += found
                sharing[i, common] += found
                if common > 0:
                    relevant[i, distance] += found
                    gains[i, distance] += found * common


@njit(inline="always")
def harmonic_difference(start: int, terms: int) -> float:
    """1/(start + 1) + ... + 1/(start + terms), the harmonic number of start + terms less that of start.

    Uses H(n) = ln(x) + constant + 1/(24 x²) - 7/(960 x⁴) + 31/(8064 x⁶) - ... at x = n + 1/2 (the digamma function's
    asymptotic series, NIST DLMF 5.11). It is accurate relative to the difference, where subtracting two tabulated
    harmonic numbers is not, and needs no table as long as the database.
    """
    total = 0.0
    while terms > 0 and (start < SERIES_START or terms <= 4):
        start += 1
        terms -= 1
        total += 1.0 / start
    if terms > 0:
        x = start + 0.5
        y = x + terms
        u, v = 1.0 / (x * x), 1.0 / (y * y)
        total += math.log1p(terms / x) + (v - u) / 24.0
        total -= (v * v - u * u) * (7.0 / 960.0) - (v * v * v - u * u * u) * (31.0 / 8064.0)
    return total


@njit(inline="always")
def expected_gain(seen: int, hits: int, count: int, relevant: int, taken: int) -> float:
    """Expected sum of rel_j · P@j over the first `taken` places of a group of `count` tied items.

    `relevant` of the group are relevant; `seen` items, `hits` of them relevant, are ranked before the group. Over all
    orders of the group, place j holds a relevant item with probability relevant/count, and then
    (j-1)(relevant-1)/(count-1) more relevant ones are expected before it (McSherry & Najork 2008).
    """
    if relevant == 0:
        return 0.0
    slope = (relevant - 1.0) / (count - 1.0) if count > 1 else 0.0
    harmonic = harmonic_difference(seen, taken)
    return relevant / count * (slope * taken + (hits + 1.0 - slope * (seen + 1.0)) * harmonic)


@compiled(GROUPS, GROUPS, OFFSETS, SCORES, SCORES)
def tie_aware(
    counts: NDArray[np.int64],
    relevant: NDArray[np.int64],
    cutoffs: NDArray[np.int64],
    average_precision: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> None:
    """Expected average precision and precision at each cutoff, over all orders of tied items.

    Row i of `counts` and `relevant` (q, groups) holds the sizes of query i's groups of tied items, best group first,
    and how many of each are relevant; empty groups are skipped. `cutoffs` ascend and do not exceed the number of
    items. `average_precision` is divided by min(R, cutoff), R being the query's relevant items, and is 0 where R is 0.
    Both outputs are (q, cutoffs). McSherry & Najork 2008; He, Cakir, Bargal & Sclaroff 2018.
    """
    for i in range(counts.shape[0]):
        total = relevant[i].sum()
        seen, hits, gain, cut = 0, 0, 0.0, 0
        for group in range(counts.shape[1]):
            count, found = counts[i, group], relevant[i, group]
            if count == 0:
                continue
            while cut < cutoffs.shape[0] and cutoffs[cut] <= seen + count:
                taken = cutoffs[cut] - seen
                precision[i, cut] = (hits + found * taken / count) / cutoffs[cut]
                reached = gain + expected_gain(seen, hits, count, found, taken)
                average_precision[i, cut] = reached / min(total, cutoffs[cut]) if total > 0 else 0.0
                cut += 1
            gain += expected_gain(seen, hits, count, found, count)
            seen += count
            hits += found


@compiled(GROUPS, GROUPS, GROUPS, TABLE, TABLE, types.int64, SCORES, SCORES)
def tie_conventions(
    counts: NDArray[np.int64],
    relevant: NDArray[np.int64],
    gains: NDArray[np.int64],
    harmonic: NDArray[np.float64],
    discounts: NDArray[np.float64],
    k: int,
    bounds: NDArray[np.float64],
    discounted: NDArray[np.float64],
) -> None:
    """What is reported beside the expectation: average precision with ties in the best and worst order, and gains.

    Rows of `counts`, `relevant` and `gains` (q, groups) are as in `tie_aware`, with the gain of each group as a whole.
    `harmonic` and `discounts` (items + 1,) are what the first 0 to all places have together, of 1/j and of a discount.
    `bounds` (q, 2) is average precision over the whole ranking where relevant items come first, and last, among those
    that tie: r of them at the places after s, with h before them, have Σ_j (h + j)/(s + j) = r + (h - s)(H(s + r) -
    H(s)). `discounted` (q, 2) is the expected discounted gain of the whole ranking, and of the first `k`: a group of
    tied items has its mean gain at each of its places (McSherry & Najork 2008).
    """
    for i in range(counts.shape[0]):
        seen, hits, best, worst, whole, cut = 0, 0, 0.0, 0.0, 0.0, 0.0
        for group in range(counts.shape[1]):
            count, found = counts[i, group], relevant[i, group]
            if found > 0:
                end = seen + count
                start = end - found
                best += found + (hits - seen) * (harmonic[seen + found] - harmonic[seen])
                worst += found + (hits - start) * (harmonic[end] - harmonic[start])
                gain = gains[i, group] / count
                whole += gain * (discounts[end] - discounts[seen])
                if seen < k:
                    cut += gain * (discounts[min(end, k)] - discounts[seen])
            seen += count
            hits += found
        bounds[i, 0] = best / hits if hits > 0 else 0.0
        bounds[i, 1] = worst / hits if hits > 0 else 0.0
        discounted[i, 0] = whole
        discounted[i, 1] = cut
