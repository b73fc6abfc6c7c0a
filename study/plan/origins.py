"""Where each key of a study is from: its search space, one that this extends, the command line or a default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hasher.methods.registry import find_method
from study.plan.dimensions import Value
from study.plan.spec import StudySpec

Origin = Literal["file", "base", "command line", "default"]
#: Keys with entries of their own, each of which has an origin.
SECTIONS = ("fixed", "space")
#: The format is no choice of anyone's.
KEYS = tuple(key for key in StudySpec.model_fields if key != "format")


class Origins(BaseModel):
    """What `origins.yaml` holds. It is written when a study is begun, and decides nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="the search space")
    keys: dict[str, Origin] = Field(description="by key of the spec; entries of fixed and space are `space.alpha`")
    bases: dict[str, list[str]] = Field(
        default_factory=dict, description="by search space that the file extends, the keys that are from there"
    )
    limits: dict[str, str] = Field(
        default_factory=dict, description="the file that limits a data set which the command line names, by data set"
    )
    hyperparameters: dict[str, Value | dict[str, Value]] = Field(
        default_factory=dict,
        description="those that neither a file nor the command line names, with the default, or the default by method",
    )

    def to_yaml(self) -> str:
        """As it is kept beside study.yaml."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)

    def in_words(self, spec: StudySpec) -> list[tuple[str, str]]:
        """(where from, what), a line a source; defaults and what the command line says with their values."""
        values = spec.model_dump(mode="json")
        values["datasets"] = [dataset.source for dataset in spec.datasets]
        by_origin: dict[Origin, list[str]] = {origin: [] for origin in get_args(Origin)}
        for key, origin in self.keys.items():
            by_origin[origin].append(key if origin in ("file", "base") else _with_value(key, values))
        limited = [f"limits of {name} as in {file}" for name, file in self.limits.items()]
        hyperparameters = [_hyperparameter(key, value) for key, value in self.hyperparameters.items()]
        found = {
            self.file: _grouped(by_origin["file"]),
            **{base: _grouped(keys) for base, keys in self.bases.items()},
            "the command line": [*by_origin["command line"], *limited],
            "defaults of a study": by_origin["default"],
            "defaults of the methods": hyperparameters,
        }
        return [(source, ", ".join(keys)) for source, keys in found.items() if keys]


def find_origins(
    spec: StudySpec, file: str, files: Mapping[str, str], overrides: Mapping[str, Any], limits: Mapping[str, str]
) -> Origins:
    """Of a study of the search space `file`: its keys are from `files`, by key (``bits``, ``space``, ``space.alpha``),
    and from the `overrides` of the command line."""
    keys: dict[str, Origin] = {}
    bases: dict[str, list[str]] = {}
    for key in KEYS:
        for name in [f"{key}.{entry}" for entry in (getattr(spec, key) if key in SECTIONS else ())] or [key]:
            if key in overrides:
                keys[name] = "command line"
            elif name not in files:
                keys[name] = "default"
            elif files[name] == file:
                keys[name] = "file"
            else:
                keys[name] = "base"
                bases.setdefault(files[name], []).append(name)
    return Origins(
        file=file, keys=keys, bases=bases, limits=dict(limits), hyperparameters=default_hyperparameters(spec)
    )


def default_hyperparameters(spec: StudySpec) -> dict[str, Value | dict[str, Value]]:
    """Every hyperparameter of a searched method that a study neither fixes nor samples, with its default; by method
    where it is so for some methods only, or the default depends on the method."""
    found: dict[str, Value | dict[str, Value]] = {}
    having = {name: find_method(name).hyperparameters for name in spec.methods}
    defaults = {name: spec.configure(name, spec.bits[0], {}).model_dump() for name in spec.methods}
    for key in spec.hyperparameters:
        those = [name for name in spec.methods if key in having[name]]
        values: dict[str, Value] = {
            name: defaults[name][key]
            for name in those
            if key not in spec.fixed_for(name) and key not in spec.space_for(name)
        }
        if values and len(values) == len(those) and len(set(values.values())) == 1:
            found[key] = next(iter(values.values()))
        elif values:
            found[key] = values
    return found


def _with_value(key: str, values: Mapping[str, Any]) -> str:
    value = values.get(key)
    if value in (None, "", [], {}):
        return f"{key} none"
    in_a_line = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return f"{key} {in_a_line.removesuffix('...' + chr(10)).strip()}"


def _hyperparameter(key: str, value: Value | Mapping[str, Value]) -> str:
    if isinstance(value, Mapping):
        return f"{key} {' and '.join(f'{one} for {name}' for name, one in value.items())}"
    return f"{key} {value}"


def _grouped(keys: list[str]) -> list[str]:
    """The entries of a section behind its name: ``space (alpha, knn_size)``."""
    found = [key for key in keys if "." not in key]
    for section in SECTIONS:
        entries = [key.split(".", 1)[1] for key in keys if key.startswith(f"{section}.")]
        found += [f"{section} ({', '.join(entries)})"] if entries else []
    return found
