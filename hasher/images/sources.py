"""Where images come from: what every kind of source offers, and how the splits of a source are used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError

Rows = NDArray[np.int64]

UNLABELLED = -1


class Role(StrEnum):
    """What becomes of a split's images: searched (and trained on), test queries, trained on only, or nothing."""

    DATABASE = "database"
    QUERIES = "queries"
    UNLABELLED = "unlabelled"
    LEFT_OUT = "none"


#: Names that splits commonly have. A validation split is searched where there is a test split, and is one where not.
TRAINING_SPLITS = ("train", "training")
TEST_SPLITS = ("test", "testing")
VALIDATION_SPLITS = ("valid", "validation", "val", "dev")
UNLABELLED_SPLITS = ("unlabeled", "unlabelled", "unsupervised")


@dataclass(frozen=True, eq=False)
class ImageSource(ABC):
    """n images in a fixed order, none of them opened yet.

    Attributes:
        about: what the embedding file records of the source, ready for JSON: its kind and identity.
        class_names: one distinct name a class.
        labels: int32 (n,), index into `class_names`, -1 unlabelled.
        is_query: bool (n,), the official test split, or None where there is none.
        notes: lines a person should read, such as folders left out.
    """

    about: Mapping[str, Any]
    class_names: tuple[str, ...]
    labels: NDArray[np.int32]
    is_query: NDArray[np.bool_] | None
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Number of images (n)."""
        return len(self.labels)

    @abstractmethod
    def path(self, row: int) -> str:
        """A short name of the image: where its file lies, or ``<split>/<row>``."""

    @abstractmethod
    def stamp(self, row: int) -> str:
        """What changes when the image does, found without reading it."""

    @abstractmethod
    def read(self, row: int) -> bytes:
        """The image file's bytes. Raises `OSError`."""


def default_roles(names: Iterable[str]) -> dict[str, Role]:
    """The role each split has by its name; any name that is not a usual one is searched."""
    splits = {name: name.lower() for name in names}
    has_test = any(name in TEST_SPLITS for name in splits.values())
    queries = TEST_SPLITS if has_test else VALIDATION_SPLITS
    roles = dict.fromkeys(splits, Role.DATABASE)
    for split, name in splits.items():
        if name in queries:
            roles[split] = Role.QUERIES
        elif name in UNLABELLED_SPLITS:
            roles[split] = Role.UNLABELLED
    return roles


def chosen_roles(defaults: Mapping[str, Role], given: Mapping[str, Role], source: str) -> dict[str, Role]:
    """`defaults` with the roles that the user gave. Raises `UserError` for a split that is not there."""
    for name in given:
        if name not in defaults:
            found = ", ".join(defaults) or "none"
            raise UserError(f"{source}: no split {name!r}; found: {found}")
    return {**defaults, **given}


def select(source: ImageSource, classes: Sequence[str], limit: int | None) -> Rows:
    """The rows to embed: those of `classes` (all, where none is named) and the unlabelled, thinned evenly to `limit`.

    Raises:
        UserError: a class that is not there, or no images left.
    """
    name = source.about["source"]
    unknown = [wanted for wanted in classes if wanted not in source.class_names]
    if unknown:
        raise UserError(f"{name}: no class {unknown[0]!r}; found: {_listed(source.class_names)}")
    rows = np.arange(len(source), dtype=np.int64)
    if classes:
        wanted = [source.class_names.index(each) for each in classes]
        rows = np.flatnonzero(np.isin(source.labels, [*wanted, UNLABELLED]))
    if limit is not None and limit < len(rows):
        rows = rows[np.arange(limit) * len(rows) // limit]
    if len(rows) == 0:
        raise UserError(f"{name}: holds no images")
    return rows


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
