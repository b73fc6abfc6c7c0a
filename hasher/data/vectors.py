"""Vectors to encode: all that `load_dataset` takes, and what no study could use, such as vectors without labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hasher.data.arrays import Arrays
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.items import Items, Vectors
from hasher.data.keys import NO_KEYS, Keys
from hasher.data.registry import load_dataset, open_data
from hasher.data.splits import SplitConfig, make_splits
from hasher.errors import UserError

#: Ends of a source that take one side of the split a model was tested on: ``digits:queries``.
PARTS = ("database", "queries")


@dataclass(frozen=True)
class KnownSplit:
    """The data a model was tested on, and how they were split."""

    fingerprint: str
    split: SplitConfig


def load_vectors(
    source: str, data_dir: Path | None = None, known_split: KnownSplit | None = None, keys: Keys = NO_KEYS
) -> Vectors:
    """Vectors by name or by path: all that `load_dataset` takes, labels or not.

    With ``:queries`` or ``:database`` at the end of `source`, those of the split the model was tested on. A matrix
    (n, d) or a vector (d,) in an ``.npy`` file stays on disk.

    Raises:
        UserError: nothing of that name, data that is no good, or a part that is not known.
    """
    base, _, part = source.rpartition(":")
    if part in PARTS and base:
        return _part(load_dataset(base, data_dir, keys), part, known_split)
    found = open_data(source, data_dir, keys)
    return vectors_of(found) if isinstance(found, EmbeddingSet) else found.vectors(_origin(found.source, found.name))


def load_any(source: str, data_dir: Path | None = None, keys: Keys = NO_KEYS) -> EmbeddingSet | Vectors:
    """The data set that `load_dataset` loads where it has two classes or more, otherwise its vectors."""
    found = open_data(source, data_dir, keys)
    if isinstance(found, Arrays) and not found.has_classes:
        return found.vectors(_origin(found.source, found.name))
    return found.dataset() if isinstance(found, Arrays) else found


def vectors_of(dataset: EmbeddingSet) -> Vectors:
    """All items of a data set."""
    origin = _origin(dataset.source, dataset.name)
    items = Items(origin, np.arange(len(dataset)), dataset.labels, dataset.class_names, dataset.paths, dataset.ids)
    return Vectors(dataset.features, items, dataset.image_shape, dataset.about)


def _origin(source: str, name: str) -> str:
    """One text for the same data by whatever path they were named."""
    path = Path(source)
    return str(path.resolve()) if source and path.exists() else name


def _part(dataset: EmbeddingSet, part: str, known_split: KnownSplit | None) -> Vectors:
    if known_split is None:
        raise UserError(f"{dataset.name}:{part}: the model does not say how the data it was tested on were split")
    if known_split.fingerprint != dataset.fingerprint:
        raise UserError(
            f"{dataset.name}:{part}: the model was tested on other data (fingerprint {known_split.fingerprint[:12]}…, "
            f"here {dataset.fingerprint[:12]}…), leave out :{part}"
        )
    split = make_splits(dataset, known_split.split).final
    rows = split.queries if part == "queries" else split.database
    whole = vectors_of(dataset)
    return Vectors(whole.features[rows], whole.items.take(rows), whole.image_shape, whole.about)
