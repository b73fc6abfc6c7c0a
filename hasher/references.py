"""Rankings by the float vectors themselves, which no hash is: without codes, without bits, with nothing random.

- ``float_cosine``: the cosine of the raw vectors, not centred.
- ``float_diffusion``: heat diffusion over the graph of all training items (see `hasher.diffusion`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hasher.data import EmbeddingSet, Split
from hasher.diffusion import Diffusion
from hasher.retrieval import Retrieval, evaluate_cosine, evaluate_scores
from hasher.training.items import TrainingItems


@dataclass(frozen=True)
class Reference:
    """One such ranking. `is_compared`: whether tables compare methods with it.

    Float diffusion asks the whole graph of the database at every query, as no hash does: it is a level to look up to,
    which the ladder shows, and can be the best of no column.
    """

    label: str
    evaluate: Callable[[EmbeddingSet, Split, int], Retrieval]
    is_compared: bool


def _float_cosine(dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    queries, database = dataset.features[split.queries], dataset.features[split.database]
    return evaluate_cosine(queries, dataset.labels[split.queries], database, dataset.labels[split.database], k)


def _float_diffusion(dataset: EmbeddingSet, split: Split, k: int) -> Retrieval:
    """Heat spreads over all items trained on or searched, with a label or without; only the database is ranked."""
    diffusion = Diffusion.over(TrainingItems(dataset.features[split.known]))
    queries, ranked = dataset.features[split.queries], np.searchsorted(split.known, split.database)
    return evaluate_scores(
        lambda rows: diffusion.scores(queries[rows])[:, ranked],
        dataset.labels[split.queries], dataset.labels[split.database], k,
    )  # fmt: skip


REFERENCES: dict[str, Reference] = {
    "float_cosine": Reference("Float cosine", _float_cosine, is_compared=True),
    "float_diffusion": Reference("Float diffusion", _float_diffusion, is_compared=False),
}
