"""The scores of a ranking: one table, from which a study is told what it is searched for and what it records.

A new metric is an entry of `METRICS`, and what it is computed from an array of `hasher.retrieval.result.Retrieval`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hasher.retrieval.result import Retrieval


@dataclass(frozen=True)
class Score:
    """A column of the records.

    Attributes:
        name: the column.
        label: as text has it; ``{k}`` stands for the study's cut-off.
        meaning: a sentence without a full stop.
    """

    name: str
    label: str
    meaning: str

    def title(self, k: int) -> str:
        """The label with the study's cut-off in it."""
        return self.label.format(k=k)


@dataclass(frozen=True)
class Metric(Score):
    """A score that is a mean over queries, the higher the better.

    `by_query` gives its values (queries,).
    """

    by_query: Callable[[Retrieval], NDArray[np.float64]]

    @property
    def array(self) -> str:
        """What the file of an evaluation calls its values by query."""
        return f"{self.name}_by_query"


#: What every evaluation of codes gives, on validation and on test queries: what a study may be searched for.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "map", "mAP", "mean average precision over the whole database",
            lambda found: found.average_precision,
        ),
        Metric(
            "map_at_k", "mAP@{k}", "mean average precision of the first {k}, divided by min(R, {k})",
            lambda found: found.average_precision_at_k,
        ),
        Metric(
            "precision_at_radius_2", "P@r2", "precision within Hamming radius 2, 0 where nothing is within it",
            lambda found: found.precision_within_2,
        ),
        Metric(
            "ndcg", "NDCG", "normalised discounted cumulative gain of the whole database, by labels shared",
            lambda found: found.conventions.ndcg,
        ),
        Metric(
            "ndcg_at_k", "NDCG@{k}", "normalised discounted cumulative gain of the first {k}, by labels shared",
            lambda found: found.conventions.ndcg_at_k,
        ),
    )
}  # fmt: skip

#: What only test queries are scored by, beside: no study is searched for them. First what the literature reports.
CONVENTIONS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "map_at_1000", "mAP@1000", "mean average precision of the first 1,000, divided by min(R, 1000)",
            lambda found: found.average_precision_at_1000,
        ),
        Metric(
            "map_at_5000", "mAP@5000", "mean average precision of the first 5,000, divided by min(R, 5000)",
            lambda found: found.average_precision_at_5000,
        ),
        Metric(
            "map_best_ties", "mAP, best ties", "mAP with relevant items first among those at equal distance",
            lambda found: found.conventions.best,
        ),
        Metric(
            "map_worst_ties", "mAP, worst ties", "mAP with relevant items last among those at equal distance",
            lambda found: found.conventions.worst,
        ),
    )
}  # fmt: skip
RELEASED = Score("map_released", "released code's mAP", "what the paper's released code computes for these codes")
REAL_VALUED = Score("map_real_valued", "mAP before signs", "mAP by the cosine of what the codes are signs of")

#: What the file of an evaluation calls its values by query.
REAL_VALUED_ARRAY = "map_real_valued_by_query"

#: Scores with values by query, by name.
BY_QUERY: dict[str, Metric] = {**METRICS, **CONVENTIONS}

#: What tells of a run by itself; `CONVENTIONS` score its ranking another way.
PRINCIPAL: tuple[Score, ...] = (*METRICS.values(), RELEASED, REAL_VALUED)

#: Every score that records have, in their order.
SCORES: tuple[Score, ...] = (*PRINCIPAL, *CONVENTIONS.values())

#: Those that studies of versions up to 0.2 lack.
ADDED = ("ndcg", "ndcg_at_k", *CONVENTIONS)


def scores_of(found: Retrieval) -> dict[str, float]:
    """All `METRICS` of one evaluation."""
    return {name: float(metric.by_query(found).mean()) for name, metric in METRICS.items()}


def all_scores_of(found: Retrieval) -> dict[str, float]:
    """Those that test queries are scored by: `METRICS` and `CONVENTIONS`."""
    return {name: float(metric.by_query(found).mean()) for name, metric in BY_QUERY.items()}


def arrays_of(found: Retrieval) -> Mapping[str, NDArray[np.float64]]:
    """Their values by query, by `Metric.array`."""
    return {metric.array: metric.by_query(found) for metric in BY_QUERY.values()}
