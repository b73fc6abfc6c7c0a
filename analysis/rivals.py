"""Is HAGCN worth it? Its best graph filter against what stands for every other family, column by column.

A family's best method is one of several, and the best by test scores would owe part of its lead to luck (the winner's
curse). So the methods that stand for families are chosen on validation queries, where every searched cell has its
winner's score. Test scores then see a few comparisons that were fixed before, with Holm's correction over those of the
column. `by_test` chooses on the test scores, as readers of a table do: with the correction over all pairs of rows of
the column its claims of who is better hold all the same, but the size of a lead is flattered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.names import by_family, in_order, label
from analysis.results import DatasetResults
from analysis.statistics.column import Pair, compare_with
from analysis.statistics.verdict import Verdict, verdict
from hasher.filters import FILTERS
from hasher.references import REFERENCES
from study.record.export import family_of

OURS = "HAGCN"
#: The filter that is the ablation of all others: no graph filter, and no rival either.
NO_GRAPH = "none"


@dataclass(frozen=True)
class Contest:
    """One column of the main table: a graph filter of HAGCN against rivals.

    Attributes:
        dataset, bits: the column.
        ours: the filter that stands for HAGCN; None where none can.
        pairs: `ours` minus each rival, in the order of the main table; empty without `ours`.
        absent: rows or families that have nothing to compare, as readers call them.
    """

    dataset: str
    bits: int
    ours: str | None
    pairs: tuple[Pair, ...]
    absent: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Where `ours` stands."""
        return verdict(self.pairs)


def graph_filters(results: DatasetResults) -> list[str]:
    """HAGCN's filters that were searched, without the ablation."""
    return [name for name in results.searched if name in FILTERS and name != NO_GRAPH]


def other_hashes(results: DatasetResults) -> list[str]:
    """Hashes of the main table that are not HAGCN's. A ranking by float vectors is no hash."""
    return [name for name in results.compared if name not in REFERENCES and family_of(name) != OURS]


def has_rivals(results: DatasetResults) -> bool:
    """Whether the study searched a graph filter and, with the same budget, a method of another family."""
    return bool(graph_filters(results)) and any(family_of(name) != OURS for name in results.searched)


def by_validation(results: DatasetResults, bits: int) -> Contest:
    """Families stand by the method whose winner has the best validation score, the first of equals.

    A method that is not searched has no such score and was not chosen: each stands for itself.
    """
    return results.study.once(("rivals", results.dataset, bits), lambda: _by_validation(results, bits))


def _by_validation(results: DatasetResults, bits: int) -> Contest:
    ours = _best_by_validation(results, graph_filters(results), bits)
    against: list[str] = []
    absent: list[str] = []
    for family, names in by_family(other_hashes(results)).items():
        searched = [name for name in names if name in results.searched]
        chosen = _best_by_validation(results, searched, bits)
        as_they_are = [name for name in names if name not in searched]
        scored = [name for name in as_they_are if results.summary(results.cell(name, bits))["replicates"]]
        if chosen is not None:
            against.append(chosen)
        elif searched:
            absent.append(family)
        against += scored
        absent += [label(name) for name in as_they_are if name not in scored]
    if ours is None:
        return Contest(results.dataset, bits, None, (), (OURS, *absent))
    scores = {name: results.scores(results.cell(name, bits)) for name in (ours, *against)}
    return Contest(results.dataset, bits, ours, compare_with(ours, in_order(against), scores), tuple(absent))


def _best_by_validation(results: DatasetResults, names: Iterable[str], bits: int) -> str | None:
    scores = {name: float(results.summary(results.cell(name, bits))["validation_score"]) for name in names}
    known = {name: score for name, score in scores.items() if math.isfinite(score)}
    return max(known, key=lambda name: known[name], default=None)


def by_test(results: DatasetResults, bits: int) -> Contest:
    """HAGCN stands by the filter with the best mean test score, against every other hash, by the column's own tests."""
    ours = best_by_test(results, graph_filters(results), bits)
    if ours is None:
        return Contest(results.dataset, bits, None, (), (OURS,))
    found = {name: results.column(bits).between(ours, name) for name in other_hashes(results)}
    pairs = tuple(pair for pair in found.values() if pair is not None)
    return Contest(results.dataset, bits, ours, pairs, tuple(label(name) for name, pair in found.items() if not pair))


def best_by_test(results: DatasetResults, names: Iterable[str], bits: int) -> str | None:
    """The one of `names` with the best mean test score at `bits`; None where none has one."""
    rows = {name: results.summary(results.cell(name, bits)) for name in names}
    means = {name: float(row["score_mean"]) for name, row in rows.items() if row["replicates"]}
    return max(means, key=lambda name: means[name], default=None)


def against_no_graph(results: DatasetResults, contest: Contest) -> Pair | None:
    """The filter that stands for HAGCN minus the same model without a graph: a test of its own, of one comparison."""
    if contest.ours is None or NO_GRAPH not in results.compared:
        return None
    names = (contest.ours, NO_GRAPH)
    scores = {name: results.scores(results.cell(name, contest.bits)) for name in names}
    return compare_with(contest.ours, [NO_GRAPH], scores)[0]
