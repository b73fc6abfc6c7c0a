"""One column of the main table: which row is best, and which rows cannot be told from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.per_query import PerQuery, difference
from analysis.statistics.paired import ALPHA, PairedTest, holm, paired_test

#: Replicates below which no claim is made.
FEWEST = 3
TOO_FEW = "too few replicates"


@dataclass(frozen=True)
class Pair:
    """`first` minus `second`. `test` and `adjusted` (Holm's p-value) are None where `why_not` says why."""

    first: str
    second: str
    test: PairedTest | None
    adjusted: float | None
    why_not: str = ""


@dataclass(frozen=True)
class Column:
    """All comparisons of one column."""

    best: str | None
    pairs: tuple[Pair, ...]

    def against_best(self, method: str) -> Pair | None:
        """`method` minus the best; None for the best itself and for a row without a score."""
        return None if self.best is None else self.between(method, self.best)

    def between(self, first: str, second: str) -> Pair | None:
        """`first` minus `second`; None for a row and itself, and where one has no score."""
        for pair in self.pairs:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.first, pair.second) == (second, first):
                return _reversed(pair)
        return None

    @property
    def tied(self) -> frozenset[str]:
        """Rows not shown to differ from the best. A row too few replicates speak for is not among them."""
        pairs = {method: self.against_best(method) for method in self._methods}
        return frozenset(
            method for method, pair in pairs.items() if pair is not None and pair.adjusted is not None
            and pair.adjusted >= ALPHA
        )  # fmt: skip

    @property
    def _methods(self) -> set[str]:
        return {method for pair in self.pairs for method in (pair.first, pair.second)}


def compare_rows(means: Mapping[str, float], scores: Mapping[str, PerQuery | None]) -> Column:
    """Compare every two rows of a column that have a score.

    Args:
        means: the score that the table shows, by row; rows without a score are left out.
        scores: the same by run and query, None where that is not known.

    All pairs are one family for Holm's correction. The best row is found in the same data, so comparisons with it
    alone would be chosen by their outcome and too many differences be claimed; among all pairs they are not.
    """
    best = max(means, key=lambda method: means[method], default=None)
    return Column(best, _tested(itertools.combinations(means, 2), scores))


def compare_with(row: str, others: Iterable[str], scores: Mapping[str, PerQuery | None]) -> tuple[Pair, ...]:
    """`row` minus each of the others. These comparisons are one family for Holm's correction.

    That is right where `row` and `others` were named without looking at `scores`; otherwise see `compare_rows`.
    """
    return _tested([(row, other) for other in others], scores)


def adjusted_together(families: Sequence[Sequence[Pair]]) -> list[tuple[Pair, ...]]:
    """Families of pairs as one: Holm's correction anew, over all that were tested.

    A sentence on several columns at once could otherwise be wrong in each of them with 5% probability.
    """
    adjusted = iter(holm([pair.test.p_value for pairs in families for pair in pairs if pair.test is not None]))
    return [
        tuple(pair if pair.test is None else replace(pair, adjusted=float(next(adjusted))) for pair in pairs)
        for pairs in families
    ]


def together(columns: Mapping[int, Column]) -> dict[int, Column]:
    """Columns with Holm's correction over the pairs of all of them, for what is said of all of them."""
    adjusted = adjusted_together([column.pairs for column in columns.values()])
    return {bits: Column(column.best, pairs) for (bits, column), pairs in zip(columns.items(), adjusted, strict=True)}


def _tested(names: Iterable[tuple[str, str]], scores: Mapping[str, PerQuery | None]) -> tuple[Pair, ...]:
    """The pairs of these names, tested and adjusted for their number."""
    return adjusted_together([[_pair(first, second, scores) for first, second in names]])[0]


def _pair(first: str, second: str, scores: Mapping[str, PerQuery | None]) -> Pair:
    one, other = scores.get(first), scores.get(second)
    if one is None or other is None:
        return Pair(first, second, None, None, "no scores by query")
    both = difference(one, other)
    if both is None:
        return Pair(first, second, None, None, "not tested on the same queries")
    if not (one.fixed and other.fixed) and len(both) < FEWEST:
        return Pair(first, second, None, None, TOO_FEW)
    if both.shape[1] < 2 or not np.isfinite(both).all():
        return Pair(first, second, None, None, "too few queries")
    return Pair(first, second, paired_test(both), None)


def _reversed(pair: Pair) -> Pair:
    if pair.test is None:
        return Pair(pair.second, pair.first, None, None, pair.why_not)
    return Pair(pair.second, pair.first, pair.test.reversed(), pair.adjusted)
