"""What each score gives to codes that know nothing of the classes, on a study's own test queries and database."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.data import studied_data
from analysis.study_records import StudyRecords
from hasher.errors import UserError
from hasher.labels import Labels
from hasher.retrieval import random_map
from hasher.retrieval.labels import relevant_items
from hasher.scoring import released_labels


@dataclass(frozen=True)
class Chance:
    """Expected scores of a ranking in random order, which is what random codes of any length give."""

    map: float
    map_at_k: float
    map_released: float


@dataclass(frozen=True)
class Unknown:
    """Why there are no such scores."""

    reason: str


def chance_scores(study: StudyRecords, dataset: str) -> Chance | Unknown:
    """The scores of random codes. They need the labels, so the data set has to be found and be the one studied."""
    try:
        data = studied_data(study, dataset)
    except UserError as error:
        return Unknown(str(error))
    labels, split, k = data.dataset.labels, data.split, study.spec.k
    queries, database = labels[split.queries], labels[split.database]
    loaded = released_labels(data.dataset)
    return Chance(
        random_map(queries, database),
        random_map(queries, database, k),
        random_released_map(loaded[split.queries], loaded[split.database], k),
    )


def random_released_map(queries: Labels, database: Labels, k: int) -> float:
    """Expectation of `hasher.retrieval.released_map` where the database is ranked in random order.

    A query has some hits among the database's `size` items to find, those whose labels have a positive product with its
    own; h of the first k are hits with hypergeometric probability. Given h, a hit at place j has on average
    1 + (j - 1)(h - 1)/(k - 1) hits up to and with itself, so that the released score, a mean over hits found, is
    expected to be Σ_j (1 + (j - 1)(h - 1)/(k - 1)) / j / k. Queries that find none are left out of the released mean.
    """
    size, k = len(database), min(k, len(database))
    found = np.arange(1, k + 1)
    harmonic = float((1 / found).sum())
    given_found = (harmonic + (k - harmonic) * (found - 1) / max(1, k - 1)) / k
    expected, weight = 0.0, 0.0
    for hits, count in zip(*np.unique(_hits(queries, database), return_counts=True), strict=True):
        chances = stats.hypergeom.pmf(found, size, hits, k)
        expected += count * float(chances @ given_found)
        weight += count * float(chances.sum())
    return expected / weight if weight else float("nan")


def _hits(queries: Labels, database: Labels) -> NDArray[np.int64]:
    """Items whose labels have a positive product with each query's: (queries,)."""
    if queries.ndim == 2:
        return relevant_items(queries, database)
    above, below = (database > 0).sum(), (database < 0).sum()
    return np.where(queries > 0, above, np.where(queries < 0, below, 0))
