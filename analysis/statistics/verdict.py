"""Where one row stands against others, by paired tests of it against each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from analysis.statistics.column import Pair
from analysis.statistics.paired import IN_WORDS

Standing = Literal["first", "tied for first", "beaten", "not told"]


@dataclass(frozen=True)
class Verdict:
    """A standing, and the pairs that make it what it is.

    - first: better than every other row;
    - tied for first: no row is shown to be better; `pairs` are those not shown to be worse either;
    - beaten: some rows are shown to be better; `pairs` are those, the furthest ahead first;
    - not told: no row is shown to be better, and `pairs` could not be tested. Empty where there is nothing to compare.
    """

    standing: Standing
    pairs: tuple[Pair, ...] = ()


def verdict(pairs: Iterable[Pair]) -> Verdict:
    """The verdict on the row that all `pairs` have first."""
    given = tuple(pairs)
    tested = [(pair, pair.test.difference) for pair in given if pair.test is not None]
    better = [(difference, pair) for pair, difference in tested if difference < 0 and is_shown(pair)]
    if better:
        return Verdict("beaten", tuple(pair for _, pair in sorted(better, key=lambda each: each[0])))
    if len(tested) < len(given) or not given:
        return Verdict("not told", tuple(pair for pair in given if pair.test is None))
    ties = tuple(pair for pair in given if not is_shown(pair))
    return Verdict("tied for first", ties) if ties else Verdict("first")


def is_shown(pair: Pair) -> bool:
    """Whether the two rows are shown to differ, as words have it."""
    return pair.adjusted is not None and pair.adjusted < IN_WORDS
