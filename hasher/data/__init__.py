"""Data sets: `load_dataset` turns a name or a path into an `EmbeddingSet`, `make_splits` divides it."""

from hasher.data.description import describe
from hasher.data.duplicates import check_leaks
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.registry import load_dataset
from hasher.data.splits import Split, SplitConfig, Splits, make_splits

__all__ = ["EmbeddingSet", "Split", "SplitConfig", "Splits", "check_leaks", "describe", "load_dataset", "make_splits"]
