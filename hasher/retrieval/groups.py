"""Rankings as all that a tie-aware metric needs of them: how many items tie, how many are relevant, what they gain."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hasher.retrieval.kernels import tie_conventions

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of tied items of each query's ranking, best first; a group may be empty.

    Attributes:
        counts: items, (queries, groups).
        relevant: relevant items among them, (queries, groups).
        gains: labels that they share with the query, summed, (queries, groups).
        sharing: items of the whole ranking by the number of labels they share, 0 to any, (queries, labels + 1).
    """

    counts: Counts
    relevant: Counts
    gains: Counts
    sharing: Counts

    @classmethod
    def of_classes(cls, counts: Counts, relevant: Counts) -> Groups:
        """Where items have one label: a relevant item shares one."""
        hits = relevant.sum(axis=1)
        return cls(counts, relevant, relevant, np.stack([counts[0].sum() - hits, hits], axis=1))


@dataclass(frozen=True, eq=False)
class Places:
    """What the places of a ranking count, summed over the first 0 to n of them, (n + 1,).

    Attributes:
        harmonic: Σ 1/j.
        discounts: Σ 1/log2(j + 1).
    """

    harmonic: Floats
    discounts: Floats


@functools.lru_cache(maxsize=4)  # a training is evaluated on the same database after every epoch
def places(size: int) -> Places:
    """Of the rankings of `size` items."""
    ranks = np.arange(1, size + 1)
    sums = [np.concatenate([[0.0], np.cumsum(counted)]) for counted in (1 / ranks, 1 / np.log2(ranks + 1))]
    for array in sums:
        array.flags.writeable = False
    return Places(*sums)


@dataclass(frozen=True, eq=False)
class Conventions:
    """What the literature reports beside expectations over tie orders, by query, (queries,).

    Attributes:
        best, worst: average precision of the whole ranking where relevant items come first, or last, among those that
            tie: what a sort that knows the labels could make of the same codes.
        ndcg, ndcg_at_k: normalised discounted cumulative gain of the whole ranking and of the first k, in expectation
            over tie orders. The gain of an item is the number of labels that it shares with the query, its discount
            1/log2(rank + 1); it is divided by what the same items give in the order of their gains (Järvelin &
            Kekäläinen 2002), and is 0 where none gains anything.
    """

    best: Floats
    worst: Floats
    ndcg: Floats
    ndcg_at_k: Floats

    @classmethod
    def of(cls, groups: Groups, k: int) -> Conventions:
        """Of rankings as groups of tied items, with gains cut at `k`, at most the number of items."""
        size = int(groups.counts[0].sum())
        table = places(size)
        bounds, discounted = np.empty((2, len(groups.counts), 2))
        tie_conventions(
            groups.counts, groups.relevant, groups.gains, table.harmonic, table.discounts, k, bounds, discounted
        )
        gains = np.arange(groups.sharing.shape[1])[:0:-1]
        ends = groups.sharing[:, :0:-1].cumsum(axis=1)  # the most labels shared come first
        ideal = np.stack([
            np.diff(table.discounts[np.minimum(ends, cut)], axis=1, prepend=0.0) @ gains for cut in (size, k)
        ], axis=1)  # fmt: skip
        ndcg = np.divide(discounted, ideal, out=np.zeros_like(ideal), where=ideal > 0)
        return cls(bounds[:, 0].copy(), bounds[:, 1].copy(), ndcg[:, 0].copy(), ndcg[:, 1].copy())

    @classmethod
    def joined(cls, parts: Sequence[Conventions]) -> Conventions:
        """Of all queries."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))
