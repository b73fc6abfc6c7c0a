"""Codes of a split, scored: what a trial, a replicate, a baseline and the command line all report."""

import numpy as np
from numpy.typing import NDArray

from hasher.data import EmbeddingSet, Split
from hasher.encoding import encode
from hasher.model import Encoder
from hasher.retrieval import Retrieval, evaluate, released_map

Codes = NDArray[np.bool_]


def encode_split(encoder: Encoder, dataset: EmbeddingSet, split: Split) -> tuple[Codes, Codes]:
    """Codes of the queries (q, bits) and of the database (n, bits)."""
    return encode(encoder, dataset.features[split.queries]), encode(encoder, dataset.features[split.database])


def score_codes(dataset: EmbeddingSet, split: Split, query_codes: Codes, database_codes: Codes, k: int) -> Retrieval:
    """All tie-aware metrics."""
    labels = dataset.labels
    return evaluate(query_codes, labels[split.queries], database_codes, labels[split.database], k)


def released_score(dataset: EmbeddingSet, split: Split, query_codes: Codes, database_codes: Codes, k: int) -> float:
    """What the released code would print for these codes (see `hasher.retrieval.released`)."""
    labels = dataset.labels + released_label_shift(len(dataset.class_names))
    return released_map(query_codes, labels[split.queries], database_codes, labels[split.database], k)


def released_label_shift(classes: int) -> int:
    """What the released code adds to labels when it loads them: -1 unless the data set has ten classes."""
    return 0 if classes == 10 else -1
