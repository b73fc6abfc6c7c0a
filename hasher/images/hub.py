"""Data sets of the datasets library: from the Hugging Face hub, or saved on disk by it."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hasher.data.split_roles import Role, default_roles
from hasher.errors import UserError
from hasher.files import read_regular
from hasher.images.quiet import errors_only
from hasher.images.sources import UNLABELLED, ImageSource, chosen_roles

if TYPE_CHECKING:
    from datasets import Dataset

#: Label columns preferred where a data set has several, finest first.
LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "category")


@dataclass(frozen=True)
class HubDataset:
    """A data set on the hub.

    Attributes:
        id: ``<owner>/<name>``.
        revision: the commit; None is the newest one.
        config: which of its configurations, None where it has one.
        roles: what its splits are used for, where that differs from what their names stand for.
    """

    id: str
    revision: str | None = None
    config: str | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)


#: The paper's data sets and the hub data sets that hold them whole, as Parquet files, with the official splits.
#: `revision` pins the commit where it is known to us; the embedding file records the commit that was read in any case.
#:
#: | name          | splits (images)                                  | why this one                                   |
#: | ------------- | ------------------------------------------------ | ---------------------------------------------- |
#: | stl10         | train (5,000), test (8,000), unlabeled (100,000) | others leave the unlabelled images out         |
#: | stanford_cars | train (8,144), test (8,041)                      | with test labels; the original site is gone    |
#: | tiny_imagenet | train (100,000), valid (10,000)                  | the test images have no public labels: the     |
#: |               |                                                  | official validation split is the test split    |
PAPER_DATASETS = {
    "stl10": HubDataset(
        "jxie/stl10",
        roles={"train": Role.DATABASE, "test": Role.QUERIES, "unlabeled": Role.UNLABELLED},
    ),
    "stanford_cars": HubDataset(
        "tanganke/stanford_cars",
        revision="9abf6cf7d6dfa7b95152a0d6e791ea9435b47a40",
        roles={"train": Role.DATABASE, "test": Role.QUERIES},
    ),
    "tiny_imagenet": HubDataset(
        "zh-plus/tiny-imagenet",
        revision="5a77092c28e51558c5586e9c5eb71a7e17a5e43f",
        roles={"train": Role.DATABASE, "valid": Role.QUERIES},
    ),
}


@dataclass(frozen=True)
class Columns:
    """Which columns to read; None finds the one image column and the one label column."""

    image: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class _Split:
    name: str
    role: Role
    images: Dataset
    fingerprint: str


@dataclass(frozen=True, eq=False)
class DatasetSource(ImageSource):
    """The images of some splits, one split after the other; `starts` are the rows at which they begin."""

    splits: list[_Split]
    starts: list[int]
    image_column: str

    def path(self, row: int) -> str:
        split, place = self._find(row)
        return f"{split.name}/{place}"

    def stamp(self, row: int) -> str:
        split, place = self._find(row)
        return f"{split.fingerprint}: {split.name}/{place}"

    def read(self, row: int) -> bytes:
        split, place = self._find(row)
        image = split.images[place][self.image_column]
        if image is None:
            raise OSError("no image in this row")
        content: bytes | None = image["bytes"]
        return read_regular(image["path"]) if content is None else content

    def _find(self, row: int) -> tuple[_Split, int]:
        number = bisect.bisect_right(self.starts, row) - 1
        return self.splits[number], row - self.starts[number]


def open_hub(wanted: HubDataset, columns: Columns, given: Mapping[str, Role]) -> DatasetSource:
    """The images of a data set on the hub; the datasets library downloads what is not in its cache yet.

    Raises:
        UserError: the hub cannot be reached or lacks the data set, or its columns are not an image and its label.
    """
    datasets = _library()
    try:
        with errors_only():
            loaded = datasets.load_dataset(wanted.id, wanted.config, revision=wanted.revision)
    except Exception as error:  # the library passes on whatever its network, cache and file parsers raise
        raise UserError(_not_had(wanted.id, error)) from None
    about = {
        "source": wanted.id,
        "kind": "hub data set",
        "revision": wanted.revision or _commit(loaded),
        "config": wanted.config,
    }
    return _open(loaded, about, columns, {**wanted.roles, **given})


def open_saved(folder: Path, columns: Columns, given: Mapping[str, Role]) -> DatasetSource:
    """The images of a data set that the datasets library saved in `folder`. Raises `UserError` as `open_hub` does."""
    datasets = _library()
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # as in open_hub
        raise UserError(f"{folder}: not a data set that the datasets library can load ({_reason(error)})") from None
    about = {"source": str(folder), "kind": "saved data set", "path": str(folder.resolve())}
    return _open(loaded, about, columns, given)


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise UserError("the datasets library is missing; install it with `pip install -e .[images]`") from None
    return datasets


def _open(loaded: Any, about: Mapping[str, Any], columns: Columns, given: Mapping[str, Role]) -> DatasetSource:
    where = str(about["source"])
    parts: dict[str, Dataset] = dict(loaded) if isinstance(loaded, dict) else {"all": loaded}
    if not parts:
        raise UserError(f"{where}: holds no splits")
    image_column, label_column = _image_column(parts, columns.image, where), _label_column(parts, columns.label, where)
    labels = {name: _label_values(part, label_column) for name, part in parts.items()}
    roles, notes = _roles(labels, given, where)
    used = [name for name in parts if roles[name] is not Role.LEFT_OUT and len(parts[name])]
    splits = [_split(name, roles[name], parts[name], image_column) for name in used]
    sizes = [len(labels[name]) for name in used]
    values = [np.full(len(labels[name]), "") if roles[name] is Role.UNLABELLED else labels[name] for name in used]
    class_names, numbers = _numbered(np.concatenate(values) if values else np.array([], dtype=np.str_))
    is_query = np.repeat(np.array([split.role is Role.QUERIES for split in splits], dtype=bool), sizes)
    return DatasetSource(
        about={**about, "splits": {split.name: str(split.role) for split in splits}},
        class_names=class_names,
        labels=numbers,
        is_query=is_query if is_query.any() else None,
        notes=notes,
        splits=splits,
        starts=[0, *np.cumsum(sizes)[:-1].tolist()] if sizes else [],
        image_column=image_column,
    )


def _split(name: str, role: Role, part: Dataset, image_column: str) -> _Split:
    from datasets import Image

    images = part.select_columns(image_column).cast_column(image_column, Image(decode=False))
    return _Split(name, role, images, part._fingerprint)


def _roles(
    labels: Mapping[str, NDArray[np.str_]], given: Mapping[str, Role], where: str
) -> tuple[dict[str, Role], tuple[str, ...]]:
    """The role of each split, and a note on every one that is left out for having no labels.

    A test split without labels, as competitions have them, is no test split. Raises `UserError` for a split of queries
    with a missing label: what is in a test split is never trained on, so such an image cannot just be unlabelled.
    """
    bare = [name for name, values in labels.items() if len(values) and not (values != "").any()]
    labelled = default_roles(name for name in labels if name not in bare)
    unlabelled = {
        name: Role.UNLABELLED if role is Role.UNLABELLED else Role.LEFT_OUT
        for name, role in default_roles(bare).items()
    }
    roles = chosen_roles({**labelled, **unlabelled}, given, where)
    for name, role in roles.items():
        missing = int((labels[name] == "").sum())
        if role is Role.QUERIES and missing:
            raise UserError(
                f"{where}: split {name!r}: {missing} of {len(labels[name])} images have no label, which queries need; "
                f"use it otherwise with --split {name}=none or {name}=unlabelled"
            )
    notes = [f"split {name!r} left out, it has no labels" for name in bare if roles[name] is Role.LEFT_OUT]
    return roles, tuple(notes)


def _image_column(parts: Mapping[str, Dataset], wanted: str | None, where: str) -> str:
    from datasets import Image

    return _column(parts, wanted, where, "image", lambda kind: isinstance(kind, Image), ("image", "img"))


def _label_column(parts: Mapping[str, Dataset], wanted: str | None, where: str) -> str:
    from datasets import ClassLabel, Value

    def is_class(kind: Any) -> bool:
        return isinstance(kind, ClassLabel)

    def is_value(kind: Any) -> bool:
        return isinstance(kind, Value) and (kind.dtype in ("string", "large_string") or "int" in kind.dtype)

    features = _features(parts)
    if wanted is None and any(is_class(kind) for kind in features.values()):
        return _column(parts, None, where, "label", is_class, LABEL_COLUMNS)
    named = wanted or next((name for name in LABEL_COLUMNS if name in features), None)
    return _column(parts, named, where, "label", lambda kind: is_class(kind) or is_value(kind), LABEL_COLUMNS)


def _features(parts: Mapping[str, Dataset]) -> Mapping[str, Any]:
    return next(iter(parts.values())).features


def _column(
    parts: Mapping[str, Dataset],
    wanted: str | None,
    where: str,
    what: str,
    fits: Callable[[Any], bool],
    preferred: tuple[str, ...],
) -> str:
    """The column `wanted`, or else the only one that fits, or else the first of those preferred."""
    features = _features(parts)
    fitting = [name for name, kind in features.items() if fits(kind)]
    if wanted is None and len(fitting) > 1:
        wanted = next((name for name in preferred if name in fitting), None)
    elif wanted is None and fitting:
        wanted = fitting[0]
    if wanted not in fitting:
        problem = f"column {wanted!r} is not of {what}s" if wanted else f"{len(fitting)} columns of {what}s"
        raise UserError(f"{where}: {problem}; name one with --{what}-column out of: {', '.join(features)}")
    return wanted


def _label_values(part: Dataset, column: str) -> NDArray[np.str_]:
    """The class name of every row, "" for an unlabelled one (no column, no value, or a negative number)."""
    if column not in part.features:
        return np.full(len(part), "")
    values = part.select_columns(column).with_format("pandas")[:][column]
    names = getattr(part.features[column], "names", None)
    if names is not None or values.dtype.kind in "iuf":
        numbers = values.fillna(UNLABELLED).to_numpy(dtype=np.int64)
        known = np.array([*(names or map(str, range(numbers.max(initial=-1) + 1))), ""])
        return known[np.where(numbers < 0, -1, numbers)]
    return values.fillna("").to_numpy(dtype=np.str_)


def _numbered(values: NDArray[np.str_]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    distinct, places = np.unique(values, return_inverse=True)
    absent = int(len(distinct) > 0 and distinct[0] == "")
    return tuple(map(str, distinct[absent:])), (places - absent).astype(np.int32)


def _commit(loaded: Any) -> str | None:
    """The commit that the files came from, as their addresses name it; None where they do not."""
    part = next(iter(loaded.values())) if isinstance(loaded, dict) else loaded
    for address in part.info.download_checksums or {}:
        if address.startswith("hf://") and "@" in address:
            return str(address).split("@", 1)[1].split("/", 1)[0]
    return None


def _not_had(name: str, error: Exception) -> str:
    if isinstance(error, ConnectionError):
        return (
            f"{name}: no folder of this name, and the Hugging Face hub cannot be reached ({_reason(error)}); connect "
            f"to the internet, or name a folder of images <root>/<class>/<image> or one that the datasets library saved"
        )
    return f"{name}: no folder of this name, and the Hugging Face hub does not give it ({_reason(error)})"


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
