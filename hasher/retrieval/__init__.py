"""Retrieval metrics that do not depend on the order of tied items, and the released one, which does.

`evaluate` ranks by Hamming distance, `evaluate_cosine` and `evaluate_scores` by real values; all return a `Retrieval`.
"""

from hasher.retrieval.chance import ChanceScores, base_rate, random_codes_scores, random_map
from hasher.retrieval.codes import as_bool, as_words, pack, unpack
from hasher.retrieval.hamming import evaluate, evaluate_packed
from hasher.retrieval.quality import bit_balance, bit_correlation
from hasher.retrieval.released import released_map
from hasher.retrieval.result import Retrieval
from hasher.retrieval.scores import evaluate_cosine, evaluate_scores

__all__ = [
    "ChanceScores",
    "Retrieval",
    "as_bool",
    "as_words",
    "base_rate",
    "bit_balance",
    "bit_correlation",
    "evaluate",
    "evaluate_cosine",
    "evaluate_packed",
    "evaluate_scores",
    "pack",
    "random_codes_scores",
    "random_map",
    "released_map",
    "unpack",
]
