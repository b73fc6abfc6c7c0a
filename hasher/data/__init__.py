"""Data sets: `load_dataset` turns a name or a path into an `EmbeddingSet`, `make_splits` divides it.

`load_vectors` takes more, for those who only encode.
"""

from hasher.data.description import describe
from hasher.data.duplicates import check_leaks
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.items import Items, Vectors
from hasher.data.keys import NO_KEYS, Keys
from hasher.data.registry import dataset_name, load_dataset
from hasher.data.splits import Split, SplitConfig, Splits, make_splits
from hasher.data.suspicions import warn_of_oddities
from hasher.data.vectors import KnownSplit, load_any, load_vectors

__all__ = [
    "NO_KEYS",
    "EmbeddingSet",
    "Items",
    "Keys",
    "KnownSplit",
    "Split",
    "SplitConfig",
    "Splits",
    "Vectors",
    "check_leaks",
    "dataset_name",
    "describe",
    "load_any",
    "load_dataset",
    "load_vectors",
    "make_splits",
    "warn_of_oddities",
]
