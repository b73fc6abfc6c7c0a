"""Codes of a split, or the real values they are signs of, scored: what trials, replicates and baselines report."""

import numpy as np
from numpy.typing import NDArray

from hasher.data import EmbeddingSet, Split
from hasher.encoders import Encoder
from hasher.encoding import encode, real_values
from hasher.labels import Labels
from hasher.retrieval import Retrieval, evaluate, evaluate_cosine, released_map

Codes = NDArray[np.bool_]
Values = NDArray[np.float32]


def encode_split(encoder: Encoder, dataset: EmbeddingSet, split: Split) -> tuple[Codes, Codes]:
    """Codes of the queries (q, bits) and of the database (n, bits)."""
    return encode(encoder, dataset.features[split.queries]), encode(encoder, dataset.features[split.database])


def real_values_of_split(encoder: Encoder, dataset: EmbeddingSet, split: Split) -> tuple[Values, Values]:
    """Real values of the queries (q, bits) and of the database (n, bits); codes are their signs, True above 0."""
    queries, database = dataset.features[split.queries], dataset.features[split.database]
    return real_values(encoder, queries), real_values(encoder, database)


def score_codes(dataset: EmbeddingSet, split: Split, query_codes: Codes, database_codes: Codes, k: int) -> Retrieval:
    """All tie-aware metrics."""
    labels = dataset.labels
    return evaluate(query_codes, labels[split.queries], database_codes, labels[split.database], k)


def score_real_values(
    dataset: EmbeddingSet, split: Split, query_values: Values, database_values: Values, k: int
) -> Retrieval | None:
    """All tie-aware metrics of the ranking by cosine, in which an item whose values are all 0 has cosine 0.

    None where a value is not finite. The last step of a training can overflow, though its loss was still a number: such
    a hasher has codes, and no cosine.
    """
    if not (np.isfinite(query_values).all() and np.isfinite(database_values).all()):
        return None
    labels = dataset.labels
    return evaluate_cosine(query_values, labels[split.queries], database_values, labels[split.database], k)


def released_score(dataset: EmbeddingSet, split: Split, query_codes: Codes, database_codes: Codes, k: int) -> float:
    """What the released code would print for these codes (see `hasher.retrieval.released`)."""
    labels = released_labels(dataset)
    return released_map(query_codes, labels[split.queries], database_codes, labels[split.database], k)


def released_labels(dataset: EmbeddingSet) -> Labels:
    """The labels that the released code has loaded: class numbers less 1, unless the data set has ten classes.

    Several labels an item are rows of 0 and 1, which have no number to shift.
    """
    labels = dataset.labels
    return labels if labels.ndim == 2 or len(dataset.class_names) == 10 else labels - 1
