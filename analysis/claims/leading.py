"""The headline of a column: whose mean is highest, what is tied with it, and what the studied methods are above of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from analysis.names import label
from analysis.rivals import NO_GRAPH
from analysis.statistics.column import FEWEST, TOO_FEW, Column, Pair
from analysis.statistics.intervals import Interval
from analysis.statistics.verdict import is_shown
from analysis.wording import counted, listed
from hasher.filters import FILTERS

Relation = Literal["above", "below", "not shown to differ", "not compared"]


@dataclass(frozen=True)
class Rows:
    """One column of the main table, as far as it has scores.

    Attributes:
        bits: its code length, and `why` it is the one that is spoken of; empty where there is no other.
        metric: what the means are of.
        means: by row, in the order of the table; at least one.
        studied: rows that the study is about. `NO_GRAPH` is the ablation of the others and counts for itself.
        column: its comparisons, corrected for those of all columns (`analysis.statistics.column.together`).
        interval: of the row with the highest mean; None where it has none.
    """

    bits: int
    why: str
    metric: str
    means: Mapping[str, float]
    studied: Sequence[str]
    column: Column
    interval: Interval | None


def headline(rows: Rows) -> str:
    """Two sentences or three."""
    return " ".join(filter(None, [_highest(rows), *_against_the_others(rows)]))


def relation(pair: Pair | None) -> Relation:
    """Where the first row of a pair stands beside the second."""
    if pair is None or pair.test is None:
        return "not compared"
    if not is_shown(pair):
        return "not shown to differ"
    return "above" if pair.test.difference > 0 else "below"


def _highest(rows: Rows) -> str:
    best = max(rows.means, key=lambda name: rows.means[name])
    of = {name: relation(rows.column.between(best, name)) for name in rows.means if name != best}
    start = f"At {rows.bits} bits{rows.why and f', {rows.why},'} {label(best)} has the highest mean {rows.metric}"
    start += f", {rows.means[best]:.3f}"
    if rows.interval is not None and rows.interval.low < rows.interval.high:
        start += f" (95% interval over seeds and queries {rows.interval.low:.3f} to {rows.interval.high:.3f})"
    said = []
    if tied := [name for name, one in of.items() if one == "not shown to differ"]:
        said.append(f"tied with {listed([*map(label, tied)])}")
    if below := [name for name, one in of.items() if one == "above"]:
        said.append(f"shown to be above {_count(len(below), len(of))}")
    if untested := [name for name, one in of.items() if one == "not compared"]:
        reasons = dict.fromkeys(_why_not(rows.column, best, name) for name in untested)
        said.append(f"not compared with {_count(len(untested), len(of))} ({'; '.join(reasons)})")
    return "; ".join([start, *said]) + "."


def _count(some: int, total: int) -> str:
    """Of the other rows."""
    if some == total:
        return "the only other row" if total == 1 else f"all {total} other rows"
    return f"{some} of the {total} other rows"


def _why_not(column: Column, first: str, second: str) -> str:
    pair = column.between(first, second)
    why = pair.why_not if pair is not None else "no scores by query"
    return f"{why}, a claim needs {FEWEST}" if why == TOO_FEW else why


def _against_the_others(rows: Rows) -> list[str]:
    """The studied methods against each row beside them, and the same of their ablation."""
    studied = [name for name in rows.studied if name in rows.means and name != NO_GRAPH]
    others = [name for name in rows.means if name not in rows.studied]
    others.sort(key=lambda name: -rows.means[name])
    if not studied or not others:
        return []
    noun = "graph filter" if all(name in FILTERS for name in studied) else "method"
    said = [f"{_who(len(studied), noun)} {_tally(rows, studied, others)}."]
    if NO_GRAPH in rows.studied and NO_GRAPH in rows.means:
        alone = _tally(rows, [NO_GRAPH], others)
        same = alone == _tally(rows, studied[:1], others) and len({_tally(rows, [one], others) for one in studied}) == 1
        name = label(NO_GRAPH)
        said.append(f"So is {name}, their ablation." if same else f"{name}, the ablation of the filters, {alone}.")
    return said


def _who(count: int, noun: str) -> str:
    return f"The one {noun}" if count == 1 else f"Of {counted(count, noun)}"


def _tally(rows: Rows, ours: Sequence[str], others: Iterable[str]) -> str:
    """How many of `ours` are shown to be where, those of `others` together of which the same is true."""
    alike: dict[tuple[tuple[Relation, int], ...], list[str]] = {}
    for other in others:
        found = [relation(rows.column.between(one, other)) for one in ours]
        counts = tuple((kind, found.count(kind)) for kind in _SHOWN if kind in found)
        alike.setdefault(counts, []).append(f"{label(other)} ({rows.means[other]:.3f})")
    return "; ".join(_relations(counts, len(ours), listed(names)) for counts, names in alike.items())


_SHOWN: dict[Relation, str] = {
    "above": "shown to be above", "below": "shown to be below", "not shown to differ": "not shown to differ from",
    "not compared": "not compared with",
}  # fmt: skip


def _relations(counts: Iterable[tuple[Relation, int]], total: int, names: str) -> str:
    parts = []
    for kind, number in counts:
        share = "" if total == 1 else "all " if number == total else f"{number} "
        parts.append(f"{share}{'is' if number == 1 else 'are'} {_SHOWN[kind]}")
    return f"{', '.join(parts)} {names}"
