"""One ``.npz`` file with the embeddings of a whole data set, as ``numpy.savez`` writes it."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.arrays import opened_archive
from hasher.console import shortened
from hasher.data.embedding_set import UNLABELLED, EmbeddingSet
from hasher.errors import UserError
from hasher.labels import Labels, as_multi_hot, names_of_columns

REQUIRED = ("features", "labels")
OPTIONAL = ("is_query", "groups", "paths")

#: What each key holds, for messages about arrays of Python objects, which is how pandas keeps strings.
EXPECTED = {
    "features": "a plain array of numbers, every row of the same width",
    "labels": "a plain array of integers or strings (`.astype(str)` makes one), or of 0 and 1, a column a class",
    "class_names": "a plain array of strings (`.astype(str)` makes one)",
    "is_query": "a plain array of booleans (`.astype(bool)` makes one)",
    "groups": "a plain array of integers or strings (`.astype(str)` makes one)",
    "paths": "a plain array of strings (`.astype(str)` makes one)",
}


def load_npz(path: Path) -> EmbeddingSet:
    """The embeddings in `path`, named after its stem.

    ``features`` (n, d); ``labels`` (n,) integers or strings, -1 or "" for unlabelled, or several an item as booleans or
    0 and 1 (n, classes), of which ``class_names`` (classes,) strings may give the names; optionally ``is_query`` (n,)
    booleans, the official test split; ``groups`` (n,) integers or strings, a negative number or "" for an item on its
    own; ``paths`` (n,) strings. Other keys are never read, so they may hold anything.

    Raises:
        UserError: the file cannot be read, lacks a required key or holds something other than the above.
    """
    arrays = read_arrays(path, REQUIRED)
    labels, class_names = index_labels(arrays, path)
    return EmbeddingSet(
        name=path.stem,
        features=arrays["features"],
        labels=labels,
        class_names=class_names,
        is_query=arrays.get("is_query"),
        groups=_numbered(_numbers_or_names(arrays["groups"], "groups", path))[0] if "groups" in arrays else None,
        paths=decode_strings(arrays["paths"], "paths", path) if "paths" in arrays else None,
        source=str(path),
    )


def read_arrays(path: Path, required: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays in `path` that mean something here, by key. Raises `UserError` where one of `required` is missing."""
    expected = " and ".join(f"`{key}`" for key in required)
    with opened_archive(path) as archive:
        missing = [key for key in required if key not in archive.keys]
        if missing:
            found = shortened(", ".join(" ".join(key.split()) for key in archive.keys), 300) or "nothing"
            raise UserError(f"{path}: lacks `{missing[0]}`, expected {expected}; found: {found}")
        _warn_about_misspelt_keys(archive.keys, path)
        arrays = {key: archive.read(key, EXPECTED[key]) for key in (*REQUIRED, *OPTIONAL) if key in archive.keys}
        if "class_names" in archive.keys and "labels" in arrays and arrays["labels"].ndim == 2:
            arrays["class_names"] = archive.read("class_names", EXPECTED["class_names"])
        return arrays


def _warn_about_misspelt_keys(keys: Sequence[str], path: Path) -> None:
    absent = [key for key in OPTIONAL if key not in keys]
    for key in keys:
        close = difflib.get_close_matches(key, absent, n=1, cutoff=0.75)
        if key not in REQUIRED and close:
            warnings.warn(f"{path}: unknown key `{key}` ignored; did you mean `{close[0]}`?", stacklevel=2)


def _numbers_or_names(values: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
    """`values` as a flat array of integers or of str."""
    if values.ndim != 1:
        raise UserError(f"{path}: {key} has shape {values.shape}, expected one value an item")
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind not in "US":
        raise UserError(f"{path}: {key} is {values.dtype}, expected integers or strings")
    return decode_strings(values, key, path)


def decode_strings(values: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
    """`values`, from bytes to str where they are bytes. Raises `UserError` for bytes that are not UTF-8."""
    if values.dtype.kind != "S":
        return values
    try:
        return np.strings.decode(values, "utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: {key} holds bytes that are not UTF-8, expected integers or strings") from None


def index_labels(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[Labels, tuple[str, ...]]:
    """Labels numbered in the sorted order of their values, unlabelled items -1, and the class names.

    Labels of shape (n, classes) stay as they are, with the names of ``class_names`` or the numbers of their columns.

    Raises `UserError` for anything but integers from -1 or strings, one an item, or 0 and 1 of several classes; `path`
    opens the message.
    """
    values = arrays["labels"]
    if values.ndim == 2:
        names = decode_strings(arrays["class_names"], "class_names", path) if "class_names" in arrays else None
        return as_multi_hot(values, f"{path}: labels"), names_of_columns(values.shape[1], names, str(path))
    values = _numbers_or_names(values, "labels", path)
    if values.dtype.kind == "i" and values.min(initial=0) < UNLABELLED:
        row = int(values.argmin())
        raise UserError(f"{path}: labels: {values[row]} in row {row}, expected -1 (unlabelled), 0 or more, or strings")
    labels, classes = _numbered(values)
    return labels, tuple(str(value) for value in classes)


def _numbered(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Each value's place among the sorted distinct values, -1 for "" and negative numbers; and those values."""
    absent = values == "" if values.dtype.kind == "U" else values < 0
    numbers = np.full(len(values), UNLABELLED, dtype=np.int64)
    distinct, numbers[~absent] = np.unique(values[~absent], return_inverse=True)
    return numbers, distinct
