"""Images as vectors at once, without a file between: what `encode` and `search` are given."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console

from hasher.data import Items, Vectors
from hasher.errors import UserError
from hasher.images.decoding import DEFAULT_MAX_PIXELS
from hasher.images.opening import SourceOptions, open_source
from hasher.images.progress import EmbeddingProgress
from hasher.images.recipe import load_recipe
from hasher.images.shard_making import shards_of
from hasher.images.sources import UNLABELLED, select
from hasher.images.task import Options


def photo_vectors(words: Sequence[str], recipe: Mapping[str, Any], device: torch.device) -> Vectors:
    """Vectors of the images that `words` name (see `open_source`), made as `recipe` says.

    Images that cannot be used are warned about and left out.

    Raises:
        UserError: nothing of that name, a backbone that cannot be had, or no image that can be used.
    """
    source = open_source(words, SourceOptions())
    backbone = load_recipe(recipe, device)
    options = Options(max_pixels=recipe.get("max_pixels", DEFAULT_MAX_PIXELS))
    progress = EmbeddingProgress(Console(stderr=True))
    with warnings.catch_warnings(), progress.showing():
        warnings.filterwarnings("ignore", module="PIL")
        rows = select(source, [], None)
        progress.begin(0, len(rows))
        [shard] = shards_of(source, backbone, options, [rows], progress)
    for row, problem in list(shard.skipped.items()):
        if not len(shard.rows):
            raise UserError(f"{source.path(row)}: {problem}")
        warnings.warn(f"{source.path(row)}: left out, {problem}", stacklevel=2)
    labels = source.labels[shard.rows].astype(np.int64)
    items = Items(
        origin=source.about.get("path", source.about["source"]),
        rows=shard.rows,
        labels=None if (labels == UNLABELLED).all() else labels,
        class_names=source.class_names,
        paths=np.array([source.path(int(row)) for row in shard.rows]),
    )
    return Vectors(shard.features, items)
