"""A search space and what the command line says in place of its values: one study, and where its keys are from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hasher.data.registry import BUILT_IN
from hasher.errors import UserError, first_error
from hasher.filters import FILTERS
from hasher.methods.registry import methods
from study.plan.extending import read_mapping, read_search_space
from study.plan.origins import Origins, find_origins
from study.plan.spec import DatasetSpec, StudySpec

#: The search spaces that come with the project.
SHIPPED = Path(__file__).resolve().parents[2] / "search_spaces"
#: The one for data that are named without a search space.
FOR_ANY_DATA = SHIPPED / "embeddings.yaml"
#: The one where methods are named that it has no ranges for.
FOR_ANY_METHOD = SHIPPED / "rivals.yaml"
#: Characters of a study's name that is made of those of its data sets.
_LONGEST_NAME = 100


@dataclass(frozen=True)
class PlannedStudy:
    """A study before it is run."""

    spec: StudySpec
    origins: Origins


@dataclass(frozen=True)
class _Entry:
    """One of a file's data sets as it stands there: a source, or a mapping with limits."""

    value: Any
    file: Path

    @property
    def source(self) -> Any:
        return self.value.get("source") if isinstance(self.value, dict) else self.value

    @property
    def is_limited(self) -> bool:
        return isinstance(self.value, dict) and any(
            self.value[key] is not None for key in self.value.keys() - {"source"}
        )


def read_study(path: Path, overrides: Mapping[str, Any] | None = None) -> PlannedStudy:
    """The study in a YAML file and those it extends, with `overrides` (top-level keys) in place of their values.

    Without a `name` the study is called as the file; where that names no data, as the data and the file, and in the
    ranges for any data as the data alone. A data set that the file knows keeps the limits it has there. Where
    `overrides` name other data than the file, so does the description. Raises `UserError` naming the file and the key.
    """
    space, changed = read_search_space(path, SHIPPED), dict(overrides or {})
    values = space.values
    if values.get("datasets") is None:
        values.pop("datasets", None)
    own = _entries(values, path)
    limits: dict[str, str] = {}
    other_data = "datasets" in changed and set(changed["datasets"]) != own.keys()
    if "datasets" in changed:
        known = own or _shipped_entries(changed["datasets"])
        found = [known.get(source, _Entry(source, path)) for source in changed["datasets"]]
        changed["datasets"] = [entry.value for entry in found]
        limits = {entry.source: shown(entry.file) for entry in found if entry.is_limited}
    if own and other_data:  # the file's own words are of its own data
        values.pop("description", None)
    files = {key: shown(file) for key, file in space.files.items() if key in values or "." in key}
    named = {"name": path.stem if own else "data", **values, **changed}
    spec = _valid(path, named, {key: file for key, file in files.items() if key not in changed})
    if not own and "name" not in values | changed:
        spec = spec.model_copy(update={"name": _named_after(spec.datasets, path)})
    if other_data:
        spec = spec.model_copy(update={"description": f"{_data(spec)}: {spec.description or _scope(spec)}"})
    return PlannedStudy(spec, find_origins(spec, shown(path), files, changed, limits))


def read_spec(path: Path, overrides: Mapping[str, Any] | None = None) -> StudySpec:
    """The study alone, see `read_study`."""
    return read_study(path, overrides).spec


def shown(path: Path) -> str:
    """A path as the user knows it: that of a file which comes with the project from the project's folder."""
    resolved = path.resolve()
    return resolved.relative_to(SHIPPED.parent).as_posix() if resolved.is_relative_to(SHIPPED) else str(path)


def _valid(path: Path, values: dict[str, Any], files: Mapping[str, str]) -> StudySpec:
    for key, field in StudySpec.model_fields.items():
        if field.is_required() and key not in values:
            how = "; name the data with --dataset, or in the file" if key == "datasets" else ", expected in the file"
            raise UserError(f"{path}: {key}: missing{how}")
    try:
        return StudySpec.model_validate(values)
    except ValidationError as error:
        said = first_error(error)
        raise UserError(f"{path}: {said}{_from_base(said, shown(path), files)}") from None


def _from_base(said: str, own: str, files: Mapping[str, str]) -> str:
    """Which other file has the key that is at fault, as it may not even be in the one that was given."""
    parts = said.split(":", 1)[0].split(".")
    for key in (".".join(parts[:2]), parts[0]):
        if key in files:
            return f" ({key} is from {files[key]})" if files[key] != own else ""
    return ""


def _entries(values: Mapping[str, Any], path: Path) -> dict[str, _Entry]:
    """The data sets of a file by their source; what is no data set is refused with the rest of the file."""
    listed = values.get("datasets", [])
    entries = [_Entry(value, path) for value in (listed if isinstance(listed, list) else [listed])]
    return {entry.source: entry for entry in entries if isinstance(entry.source, str)}


def _shipped_entries(sources: Sequence[str]) -> dict[str, _Entry]:
    """Built-in data sets as the search space of their own name has them: with its limits."""
    found: dict[str, _Entry] = {}
    for source in sources:
        path = SHIPPED / f"{source}.yaml"
        if source in BUILT_IN and path.exists():
            found |= {name: entry for name, entry in _entries(read_mapping(path), path).items() if name == source}
    return found


def _named_after(datasets: Sequence[DatasetSpec], path: Path) -> str:
    """A name for a study folder, made of those of the data and, so that two files can be run on them, of the file."""
    stems = [] if path.resolve() == FOR_ANY_DATA else [path.stem]
    joined = "-".join([*(dataset.name for dataset in datasets), *stems])
    return re.sub(r"[^A-Za-z0-9._-]+", "-", joined).strip("._-")[:_LONGEST_NAME] or "data"


def _data(spec: StudySpec) -> str:
    return ", ".join(Path(dataset.source).name or dataset.source for dataset in spec.datasets)


def _scope(spec: StudySpec) -> str:
    """``all filters, 16 to 64 bits``; other methods by name, and all there are by that word."""
    whole = {frozenset(FILTERS): "all filters", frozenset(methods()): "all methods"}
    those = whole.get(frozenset(spec.methods)) or ", ".join(spec.methods)
    fewest, most = min(spec.bits), max(spec.bits)
    return f"{those}, {fewest} bits" if fewest == most else f"{those}, {fewest} to {most} bits"
