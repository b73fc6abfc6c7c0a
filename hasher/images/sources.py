"""Where images come from: what every kind of source offers, and how the splits of a source are used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.data.split_roles import Role
from hasher.errors import UserError

Rows = NDArray[np.int64]

UNLABELLED = -1


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
