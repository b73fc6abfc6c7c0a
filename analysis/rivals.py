"""Is HAGCN worth it? Its best graph filter against what stands for every other family, column by column.

A family's best method is one of several, and the best by test scores would owe part of its lead to luck (the winner's
curse). So the methods that stand for families are chosen on validation queries, where every searched cell has its
winner's score. Test scores then see a few comparisons that were fixed before, with Holm's correction over those of all
columns, since the answer is about all of them. `by_test` chooses on the test scores, as readers of a table do: with the
correction over all pairs of rows of all columns its claims of who is better hold all the same, but the size of a lead
is flattered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.names import by_family, in_order, label
from analysis.results import DatasetResults
from analysis.statistics.column import Pair, adjusted_together, compare_with
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
        no_graph: `ours` minus the same model without a graph, a comparison of its own; None without either.
    """

    dataset: str
    bits: int
    ours: str | None
    pairs: tuple[Pair, ...]
    absent: tuple[str, ...]
    no_graph: Pair | None = None

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
    return _contests(results)[bits]


def _contests(results: DatasetResults) -> dict[int, Contest]:
    """Those of all columns, each p-value corrected for the comparisons of all."""
    return results.study.once(("rivals", results.dataset), lambda: _corrected(results))


def _corrected(results: DatasetResults) -> dict[int, Contest]:
    found = {bits: _by_validation(results, bits) for bits in results.bits}
    rivals = adjusted_together([one.pairs for one in found.values()])
    ablations = adjusted_together([[one.no_graph] if one.no_graph else [] for one in found.values()])
    return {
        bits: replace(one, pairs=pairs, no_graph=next(iter(ablation), None))
        for (bits, one), pairs, ablation in zip(found.items(), rivals, ablations, strict=True)
    }


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
    scores = {name: results.scores(results.cell(name, bits)) for name in (ours, *against, *_ablation(results))}
    no_graph = next(iter(compare_with(ours, _ablation(results), scores)), None)
    pairs = compare_with(ours, in_order(against), scores)
    return Contest(results.dataset, bits, ours, pairs, tuple(absent), no_graph)


def _ablation(results: DatasetResults) -> list[str]:
    return [NO_GRAPH] if NO_GRAPH in results.compared else []


def _best_by_validation(results: DatasetResults, names: Iterable[str], bits: int) -> str | None:
    scores = {name: float(results.summary(results.cell(name, bits))["validation_score"]) for name in names}
    known = {name: score for name, score in scores.items() if math.isfinite(score)}
    return max(known, key=lambda name: known[name], default=None)


def by_test(results: DatasetResults, bits: int) -> Contest:
    """HAGCN stands by the filter with the best mean test score, against every other hash, by tests of all pairs."""
    ours = best_by_test(results, graph_filters(results), bits)
    if ours is None:
        return Contest(results.dataset, bits, None, (), (OURS,))
    found = {name: results.claimed[bits].between(ours, name) for name in other_hashes(results)}
    pairs = tuple(pair for pair in found.values() if pair is not None)
    return Contest(results.dataset, bits, ours, pairs, tuple(label(name) for name, pair in found.items() if not pair))


def best_by_test(results: DatasetResults, names: Iterable[str], bits: int) -> str | None:
    """The one of `names` with the best mean test score at `bits`; None where none has one."""
    rows = {name: results.summary(results.cell(name, bits)) for name in names}
    means = {name: float(row["score_mean"]) for name, row in rows.items() if row["replicates"]}
    return max(means, key=lambda name: means[name], default=None)
