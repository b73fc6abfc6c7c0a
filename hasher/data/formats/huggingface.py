"""A data set of the datasets library with a column of embeddings: saved on disk, or on the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hasher.data.arrays import Arrays
from hasher.data.formats.arrow import from_table
from hasher.data.keys import Keys
from hasher.data.split_roles import Role, default_roles
from hasher.errors import UserError, reason
from hasher.labels import UNLABELLED

#: What opens the name of a data set on the hub: ``hf:owner/name``, with ``@revision`` where one is meant.
ON_HUB = "hf:"


def is_saved(folder: Path) -> bool:
    """Whether `folder` looks like the work of ``save_to_disk``."""
    names = ("dataset_dict.json", "state.json")
    return any(os.path.isfile(folder / name) for name in names)  # noqa: PTH113 - Path.is_file raises for closed folders


def read_saved(folder: Path, keys: Keys) -> Arrays:
    """The data set in a folder, mapped into memory. Raises `UserError` for what is none or has no embeddings."""
    datasets = _library()
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # the library passes on whatever its file parsers raise
        raise UserError(f"{folder}: not a data set that the datasets library can load ({reason(error)})") from None
    return _arrays(loaded, keys, hub_name(str(folder)), str(folder))


def read_hub(source: str, keys: Keys) -> Arrays:
    """The data set ``hf:owner/name``; what is not in the library's cache yet is downloaded. Raises `UserError`."""
    datasets = _library()
    name, _, revision = source.removeprefix(ON_HUB).partition("@")
    try:
        loaded = datasets.load_dataset(name, revision=revision or None)
    except Exception as error:  # as above, and of its network
        raise UserError(f"{source}: the Hugging Face hub does not give it ({reason(error)})") from None
    return _arrays(loaded, keys, hub_name(source), source)


def hub_name(source: str) -> str:
    """The last part of a path or of ``hf:owner/name@revision``, what tables call it."""
    return Path(source.removeprefix(ON_HUB).partition("@")[0] if source.startswith(ON_HUB) else source).name


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise UserError("the datasets library is missing; install it with `pip install -e .[images]`") from None
    return datasets


def _arrays(loaded: Any, keys: Keys, name: str, where: str) -> Arrays:
    """All splits but unlabelled ones without a use, one after the other; a test split is the official test queries."""
    splits = dict(loaded) if isinstance(loaded, dict) else {"all": loaded}
    roles = default_roles(splits)
    tables = {split: _table(each) for split, each in splits.items()}
    arrays = from_table(pa.concat_tables(tables.values()), keys, name, where)
    parts = dict(arrays.parts)
    sizes = [tables[split].num_rows for split in splits]
    if "labels" in parts:
        unlabelled = np.repeat([roles[split] is Role.UNLABELLED for split in splits], sizes)
        labels = parts["labels"]
        parts["labels"] = (
            labels & ~unlabelled[:, None] if labels.ndim == 2 else np.where(unlabelled, UNLABELLED, labels.astype(int))
        )
        parts |= _class_names(parts, next(iter(splits.values())), keys)
    is_query = np.repeat([roles[split] is Role.QUERIES for split in splits], sizes)
    if is_query.any() and "is_query" not in parts:
        parts["is_query"] = is_query
    return Arrays(name, where, arrays.found, parts)


def _table(split: Any) -> pa.Table:
    """Its rows in its order, which a selection or a shuffle may have changed."""
    table: pa.Table = split.with_format("arrow")[:]
    return table.replace_schema_metadata(None)


def _class_names(parts: Mapping[str, NDArray[Any]], split: Any, keys: Keys) -> dict[str, NDArray[Any]]:
    """What the numbers of the classes stand for, where the data set says it."""
    kind = split.features[keys.find(split.column_names, "")["labels"]]
    names = getattr(getattr(kind, "feature", kind), "names", None)  # of lists of labels, what they are lists of
    if names is None:
        return {}
    known = np.array(names)
    if parts["labels"].ndim == 2 and "class_names" in parts:
        return {"class_names": known[parts["class_names"].astype(int)]}
    return {"class_names": known}
