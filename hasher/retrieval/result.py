"""What an evaluation returns, and how the metrics of chunks of queries become one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError
from hasher.retrieval.groups import Conventions, Groups
from hasher.retrieval.kernels import tie_aware

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Retrieval metrics of a set of queries, each an expectation over all orders of equally ranked items.

    A query with no relevant item in the database (R = 0) counts as 0 in every mean. A ranking by real-valued scores
    has no radius: there `bits` is None, `precision_at_radius_2` NaN, and the three radius arrays are empty.

    Attributes:
        map: mean average precision over the whole database.
        map_at_k: mean average precision of the first k, divided by min(R, k).
        k: the cut of `map_at_k`; more than the database holds means all of it.
        bits: length of the codes.
        precision_at_radius_2: precision within Hamming radius 2; a query with nothing within it counts as 0.
        cutoffs: 1, 2, 5, 10, 20, 50, ... below the size of the database, then that size.
        precision_at_n: precision of the first n, for each cutoff n.
        map_at_cutoffs: mean average precision of the first n, divided by min(R, n), for each cutoff n.
        radii: 0 to bits.
        precision_by_radius: precision within each radius, averaged over queries; an empty ball counts as 0, so that
            codes are not rewarded for returning nothing.
        recall_by_radius: share of the relevant items within each radius, averaged over queries.
        average_precision: `map` by query, (queries,).
        average_precision_at_k: `map_at_k` by query, (queries,).
        precision_within_2: `precision_at_radius_2` by query, (queries,).
        average_precision_at_1000, average_precision_at_5000: that of the first n, divided by min(R, n), by query.
        conventions: the best and worst order of ties, and NDCG, by query.
    """

    map: float
    map_at_k: float
    k: int
    bits: int | None
    precision_at_radius_2: float
    cutoffs: NDArray[np.int64] = field(repr=False)
    precision_at_n: Floats = field(repr=False)
    map_at_cutoffs: Floats = field(repr=False)
    radii: NDArray[np.int64] = field(repr=False)
    precision_by_radius: Floats = field(repr=False)
    recall_by_radius: Floats = field(repr=False)
    average_precision: Floats = field(repr=False)
    average_precision_at_k: Floats = field(repr=False)
    precision_within_2: Floats = field(repr=False)
    average_precision_at_1000: Floats = field(repr=False)
    average_precision_at_5000: Floats = field(repr=False)
    conventions: Conventions = field(repr=False)


def standard_cutoffs(size: int) -> NDArray[np.int64]:
    """1, 2, 5, 10, 20, 50, ... below `size`, then `size`."""
    powers = 10 ** np.arange(len(str(size)), dtype=np.int64)
    steps = np.outer(powers, [1, 2, 5]).ravel()
    return np.append(steps[steps < size], size)


@dataclass(frozen=True, eq=False)
class Cuts:
    """Where rankings of a database of `size` items are cut: the standard cutoffs, and `k`."""

    size: int
    k: int

    def __post_init__(self) -> None:
        if not isinstance(self.k, int | np.integer) or isinstance(self.k, bool) or self.k < 1:
            raise UserError(f"k: must be a whole number of at least 1, not {self.k!r}")

    @cached_property
    def standard(self) -> NDArray[np.int64]:
        """The cutoffs that are reported as curves."""
        return standard_cutoffs(self.size)

    @cached_property
    def all(self) -> NDArray[np.int64]:
        """The standard cutoffs, and `k` if it is not one of them."""
        return np.union1d(self.standard, min(self.k, self.size))


@dataclass(frozen=True, eq=False)
class Chunk:
    """Metrics of some of the queries, (queries, cuts) or (queries,); by radius (radii,), as sums over the queries."""

    average_precision: Floats
    precision: Floats
    conventions: Conventions
    precision_within_2: Floats
    precision_by_radius: Floats
    recall_by_radius: Floats

    @classmethod
    def of_groups(cls, groups: Groups, cuts: Cuts) -> "Chunk":
        """Metrics of rankings given as groups of tied items."""
        counts, relevant, cutoffs = groups.counts, groups.relevant, cuts.all
        average_precision, precision = np.empty((2, len(counts), len(cutoffs)))
        tie_aware(counts, relevant, cutoffs, average_precision, precision)
        conventions = Conventions.of(groups, min(cuts.k, cuts.size))
        no_radius = np.full(len(counts), np.nan)
        return cls(average_precision, precision, conventions, no_radius, np.empty(0), np.empty(0))

    @classmethod
    def of_histograms(cls, groups: Groups, cuts: Cuts) -> "Chunk":
        """The same where the groups are Hamming distances 0 to bits, with what lies within each radius."""
        within, hits = groups.counts.cumsum(axis=1), groups.relevant.cumsum(axis=1)
        precision = hits / np.maximum(within, 1)
        recall = (hits / np.maximum(hits[:, -1:], 1)).sum(axis=0)
        within_2 = precision[:, min(2, precision.shape[1] - 1)].copy()
        return replace(
            cls.of_groups(groups, cuts),
            precision_within_2=within_2, precision_by_radius=precision.sum(axis=0), recall_by_radius=recall,
        )  # fmt: skip


def combine(chunks: Sequence[Chunk], cuts: Cuts, bits: int | None) -> Retrieval:
    """One result from the chunks of all queries."""
    average_precision = np.concatenate([chunk.average_precision for chunk in chunks])
    precision = np.concatenate([chunk.precision for chunk in chunks]).mean(axis=0)
    queries = len(average_precision)
    precision_by_radius = np.sum([chunk.precision_by_radius for chunk in chunks], axis=0) / queries
    standard = np.searchsorted(cuts.all, cuts.standard)

    def cut_at(n: int) -> Floats:
        return average_precision[:, np.searchsorted(cuts.all, min(n, cuts.size))].copy()

    at_k, whole = cut_at(cuts.k), average_precision[:, -1].copy()
    within_2 = np.concatenate([chunk.precision_within_2 for chunk in chunks])
    return Retrieval(
        map=float(whole.mean()),
        map_at_k=float(at_k.mean()),
        k=int(cuts.k),
        bits=bits,
        precision_at_radius_2=float(within_2.mean()),
        cutoffs=cuts.standard,
        precision_at_n=precision[standard],
        map_at_cutoffs=average_precision.mean(axis=0)[standard],
        radii=np.arange(len(precision_by_radius)),
        precision_by_radius=precision_by_radius,
        recall_by_radius=np.sum([chunk.recall_by_radius for chunk in chunks], axis=0) / queries,
        average_precision=whole,
        average_precision_at_k=at_k,
        precision_within_2=within_2,
        average_precision_at_1000=cut_at(1000),
        average_precision_at_5000=cut_at(5000),
        conventions=Conventions.joined([chunk.conventions for chunk in chunks]),
    )
