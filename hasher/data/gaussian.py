"""Gaussian classes of any number, made on the spot: ``gaussian:CLASSES[:WIDTH[:ITEMS]]``, for tests and benchmarks.

The mean of a class is a vector of standard normal numbers, an item is half of its class's mean and standard normal
noise: x = 0.5 m + e, all coordinates independent. Item i is of the class i mod CLASSES. Nothing is random from one call
to the next: each recipe has numbers of its own, the same every time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from hasher.data.embedding_set import EmbeddingSet
from hasher.errors import UserError
from hasher.memory import require

#: What a recipe begins with.
PREFIX = "gaussian:"

DEFAULT_WIDTH = 256
DEFAULT_ITEMS = 22_000

#: How far apart classes are: the factor of a class's mean.
SIGNAL = 0.5

SEED = 20_250_601

#: Items made at a time, so that beside the features (n, d) no second array of that size is needed.
CHUNK = 4_096

_FORM = f"expected gaussian:CLASSES, gaussian:CLASSES:WIDTH or gaussian:CLASSES:WIDTH:ITEMS, as in {PREFIX}200:768"


@dataclass(frozen=True)
class GaussianRecipe:
    """How many classes, how wide an item, and how many items."""

    classes: int
    width: int = DEFAULT_WIDTH
    items: int = DEFAULT_ITEMS

    @property
    def name(self) -> str:
        """A name fit for files: ``gaussian-200``, with what is not the default appended: ``gaussian-200-768``."""
        numbers = [self.classes, self.width, self.items]
        defaults = [None, DEFAULT_WIDTH, DEFAULT_ITEMS]
        while numbers[-1] == defaults[len(numbers) - 1]:
            numbers.pop()
        return "-".join(["gaussian", *map(str, numbers)])


def gaussian_recipe(source: str) -> GaussianRecipe | None:
    """The recipe that `source` is, None where it does not begin as one.

    Raises:
        UserError: something else than one to three whole numbers after ``gaussian:``, fewer than two classes, or
            fewer than two items a class.
    """
    if not source.startswith(PREFIX):
        return None
    if not re.fullmatch(r"gaussian(:[0-9]{1,12}){1,3}", source):
        raise UserError(f"{source}: {_FORM}")
    recipe = GaussianRecipe(*map(int, source.split(":")[1:]))
    if recipe.classes < 2:
        raise UserError(f"{source}: {recipe.classes} class(es), at least 2 are needed; {_FORM}")
    if recipe.width < 1:
        raise UserError(f"{source}: a width of {recipe.width}, at least 1 is needed; {_FORM}")
    if recipe.items < 2 * recipe.classes:
        raise UserError(
            f"{source}: {recipe.items} items of {recipe.classes} classes, at least {2 * recipe.classes} are needed, "
            f"two a class; {_FORM}"
        )
    return recipe


def load_gaussian(recipe: GaussianRecipe) -> EmbeddingSet:
    """The items of `recipe`: features float32 (items, width), classes named "0" and so on. No official split.

    Raises:
        UserError: more values than there is memory for.
    """
    classes, width, items = recipe.classes, recipe.width, recipe.items
    require(4 * width * (items + classes) + 8 * items, f"{recipe.name}: {items:,} items of {width:,} values")
    means_seed, noise_seed = np.random.SeedSequence([SEED, classes, width]).spawn(2)
    features = np.empty((items, width), dtype=np.float32)
    labels = np.arange(items, dtype=np.int64) % classes
    means = np.random.default_rng(means_seed).standard_normal((classes, width), dtype=np.float32)
    np.random.default_rng(noise_seed).standard_normal(dtype=np.float32, out=features)
    for start in range(0, items, CHUNK):
        features[start : start + CHUNK] += np.float32(SIGNAL) * means[labels[start : start + CHUNK]]
    return EmbeddingSet(
        name=recipe.name,
        features=features,
        labels=labels,
        class_names=tuple(map(str, range(classes))),
        source=f"{PREFIX}{recipe.name.removeprefix('gaussian-').replace('-', ':')}",
    )
