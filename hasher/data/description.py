"""What a person wants to know about a data set before spending hours on it."""

import numpy as np

from hasher.data.duplicates import count_duplicates
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.suspicions import count_zeros


def describe(dataset: EmbeddingSet) -> dict[str, str | int]:
    """The facts of `dataset` in the order to print them, by name; what does not apply is not there."""
    sizes = dataset.class_sizes
    present = sizes[sizes > 0]
    facts: dict[str, str | int] = {
        "name": dataset.name,
        "source": dataset.source,
        "items": len(dataset),
        "width": dataset.width,
        "classes": len(present),
        "items a class": f"{present.min()} to {present.max()}, median {np.median(present):g}",
        "classes of one item": int((present == 1).sum()),
        "unlabelled": int((~dataset.is_labelled).sum()),
        "constant features": int((dataset.features == dataset.features[0]).all(axis=0).sum()),
        "zero vectors": count_zeros(dataset.features),
        "duplicate items": count_duplicates(dataset.features),
        "fingerprint": dataset.fingerprint,
    }
    if dataset.labels.ndim == 2:
        counts = dataset.labels[dataset.is_labelled].sum(axis=1)
        facts["labels an item"] = f"{counts.min()} to {counts.max()}, mean {counts.mean():.3g}"
    if dataset.is_query is not None:
        facts["official test queries"] = int(dataset.is_query.sum())
    if dataset.groups is not None:
        facts["groups"] = len(np.unique(dataset.groups[dataset.groups >= 0]))
    if dataset.image_shape is not None:
        facts["picture"] = "{} by {} pixels".format(*dataset.image_shape)
    return facts
