"""How embeddings were made of images, as a hasher keeps it, so that a new image is embedded alike."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hasher.errors import UserError
from hasher.images.backbones import Backbone, Computing, is_custom
from hasher.images.opening import load_backbone
from hasher.images.shards import first_difference

#: Of what an embedding file says of itself, that which is no property of its vectors.
NOT_KEPT = frozenset((
    "source", "listing", "group", "grouped", "images", "width", "skipped", "device", "threads", "batch_size",
    "versions", "unlabelled_copies_of_queries_left_out", "labelled_copies_of_queries",
))  # fmt: skip


def recipe_of(about: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The recipe in what an embedding file says of itself; None where it is not of images."""
    if about is None or not isinstance(about.get("backbone"), str):
        return None
    return {key: value for key, value in about.items() if key not in NOT_KEPT}


def load_recipe(recipe: Mapping[str, Any], device: torch.device) -> Backbone:
    """The backbone of a recipe, which is warned about where it is not to the last detail the one that is meant.

    Raises `UserError` where it cannot be had.
    """
    name, pooling, revision = recipe["backbone"], recipe.get("pooling"), recipe.get("revision")
    if is_custom(name):
        pooling = revision = None
    elif Path(name).is_dir():
        revision = None  # a hash of its files, compared below
    precision = recipe.get("precision", "float32") if device.type == "cuda" else "float32"
    computing = Computing(device, precision)
    try:
        backbone = load_backbone(name, revision, pooling, computing)
    except UserError as error:
        raise UserError(f"the hasher's embeddings were made by {name}, which cannot be had: {error}") from None
    changed = first_difference(recipe, backbone.about)
    if changed is not None:
        warnings.warn(
            f"{name}: has another {changed} than when the embeddings were made that the hasher was trained on",
            stacklevel=2,
        )
    return backbone
