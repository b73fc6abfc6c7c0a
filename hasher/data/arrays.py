"""Arrays as a file holds them, and what becomes of them: a data set, or vectors to encode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hasher.data.embedding_set import EmbeddingSet
from hasher.data.items import Items, Vectors
from hasher.data.keys import missing
from hasher.errors import UserError
from hasher.labels import UNLABELLED, Labels, as_multi_hot, class_sizes, is_labelled, names_of_columns

#: What each part holds, for messages about arrays of Python objects, which is how pandas keeps strings.
EXPECTED = {
    "features": "a plain array of numbers, every row of the same width",
    "labels": "a plain array of integers or strings (`.astype(str)` makes one), or of 0 and 1, a column a class",
    "is_query": "a plain array of booleans (`.astype(bool)` makes one)",
    "groups": "a plain array of integers or strings (`.astype(str)` makes one)",
    "paths": "a plain array of strings (`.astype(str)` makes one)",
    "ids": "a plain array of integers or strings (`.astype(str)` makes one)",
    "class_names": "a plain array of strings (`.astype(str)` makes one)",
}


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a file holds of n items, not looked at yet.

    Attributes:
        name: of the data set.
        source: path of the file; opens every message.
        found: names of all that the file holds, for messages.
        parts: ``features`` (n, d); ``labels`` (n,) integers or strings, -1 or "" for unlabelled, or several an item as
            booleans or 0 and 1 (n, classes), of which, as of integers, ``class_names`` (classes,) strings may give the
            names;
            ``is_query`` (n,) booleans or 0 and 1, the official test split; ``groups`` (n,) integers or strings, a
            negative number or "" for an item on its own; ``paths`` (n,) strings; ``ids`` (n,) integers or strings.
            What is absent is not there.
        about: what the file says of how it was made, where it does.
    """

    name: str
    source: str
    found: tuple[str, ...]
    parts: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any] | None = None

    @property
    def has_classes(self) -> bool:
        """Whether labels name two classes or more, without which nothing can be tested."""
        if "labels" not in self.parts:
            return False
        labels, names = index_labels(self.parts, self.source)
        return bool(np.count_nonzero(class_sizes(labels, len(names))) > 1)

    def dataset(self) -> EmbeddingSet:
        """The data set. Raises `UserError` where features or labels are missing or something is no good."""
        self._require("features", "labels")
        labels, class_names = index_labels(self.parts, self.source)
        groups = self.parts.get("groups")
        return EmbeddingSet(
            name=self.name,
            features=self.parts["features"],
            labels=labels,
            class_names=class_names,
            is_query=self._is_query(),
            groups=None if groups is None else _numbered(numbers_or_names(groups, "groups", self.source))[0],
            paths=self._strings("paths"),
            ids=self._ids(),
            source=self.source,
            about=self.about,
        )

    def vectors(self, origin: str) -> Vectors:
        """The vectors, whatever is known of their classes. Raises `UserError` where there are none, or no good."""
        self._require("features")
        features = self.parts["features"]
        rows = np.arange(len(features) if features.ndim else 0)
        labels, names = index_labels(self.parts, self.source) if "labels" in self.parts else (None, ())
        if labels is not None and not is_labelled(labels).any():
            labels = None
        items = Items(origin, rows, labels, names, self._strings("paths"), self._ids())
        return Vectors(features, items, about=self.about)

    def _require(self, *parts: str) -> None:
        for part in parts:
            if part not in self.parts:
                raise missing(part, parts, self.found, self.source)

    def _strings(self, part: str) -> NDArray[Any] | None:
        return decode_strings(self.parts[part], part, self.source) if part in self.parts else None

    def _ids(self) -> NDArray[Any] | None:
        return numbers_or_names(self.parts["ids"], "ids", self.source) if "ids" in self.parts else None

    def _is_query(self) -> NDArray[Any] | None:
        """As booleans where they are written as 0 and 1."""
        values = self.parts.get("is_query")
        if values is not None and values.dtype.kind in "iu" and np.isin(values, (0, 1)).all():
            return values.astype(bool)
        return values


def numbers_or_names(values: NDArray[Any], part: str, where: str) -> NDArray[Any]:
    """`values` as a flat array of integers or of str. Raises `UserError` for anything else."""
    if values.ndim != 1:
        raise UserError(f"{where}: {part} has shape {values.shape}, expected one value an item")
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind not in "US":
        raise UserError(f"{where}: {part} is {values.dtype}, expected integers or strings")
    return decode_strings(values, part, where)


def decode_strings(values: NDArray[Any], part: str, where: str) -> NDArray[Any]:
    """`values`, from bytes to str where they are bytes. Raises `UserError` for bytes that are not UTF-8."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.strings.decode(values, "utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{where}: {part} holds bytes that are not UTF-8, expected integers or strings") from None


def index_labels(parts: Mapping[str, NDArray[Any]], where: str) -> tuple[Labels, tuple[str, ...]]:
    """Labels numbered in the sorted order of their values, unlabelled items -1, and the class names.

    Labels of shape (n, classes) stay as they are, with the names of ``class_names`` or the numbers of their columns;
    where there is one number an item, ``class_names`` are what the numbers stand for.

    Raises `UserError` for anything but integers from -1 or strings, one an item, or 0 and 1 of several classes; `where`
    opens the message.
    """
    values = parts["labels"]
    if values.ndim == 2:
        names = decode_strings(parts["class_names"], "class_names", where) if "class_names" in parts else None
        return as_multi_hot(values, f"{where}: labels"), names_of_columns(values.shape[1], names, where)
    values = numbers_or_names(values, "labels", where)
    if values.dtype.kind == "i" and values.min(initial=0) < UNLABELLED:
        row = int(values.argmin())
        raise UserError(f"{where}: labels: {values[row]} in row {row}, expected -1 (unlabelled), 0 or more, or strings")
    labels, classes = _numbered(values)
    if "class_names" in parts:
        names = decode_strings(parts["class_names"], "class_names", where)
        if classes.max(initial=-1) >= len(names):
            raise UserError(f"{where}: labels: {classes.max()} names none of {len(names)} classes")
        classes, places = np.unique(names[classes], return_inverse=True)
        labels = np.append(places, UNLABELLED)[labels]
    return labels, tuple(str(value) for value in classes)


def _numbered(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Each value's place among the sorted distinct values, -1 for "" and negative numbers; and those values."""
    strings = values.dtype.kind == "U"
    places, found = pd.factorize(values.astype(object) if strings else values)
    distinct = np.asarray(found, dtype=values.dtype)  # hashed above: sorting a million strings takes seconds
    present = np.flatnonzero(distinct != "" if strings else distinct >= 0)
    present = present[np.argsort(distinct[present])]
    numbers = np.full(len(distinct), UNLABELLED, dtype=np.int64)
    numbers[present] = np.arange(len(present))
    return numbers[places], distinct[present]
