"""A search space together with those it extends: what it says then, and which file each of its keys is from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hasher.console import shortened
from hasher.errors import UserError
from study.plan import yaml_text
from study.plan.origins import SECTIONS

#: Names the base in a search space. The spec does not know it: a frozen study is whole.
EXTENDS = "extends"
#: A key of search spaces, and what it was called when all methods were filters.
NAME, OTHER_NAME = "methods", "filters"
#: What a base says of its own data, and of itself.
NOT_INHERITED = ("name", "description", "datasets")


@dataclass(frozen=True)
class SearchSpace:
    """What a search space says, not validated, and by key (``space``, ``space.alpha``) the file that says so."""

    values: dict[str, Any]
    files: dict[str, Path]

    @classmethod
    def of_file(cls, path: Path, values: dict[str, Any]) -> SearchSpace:
        """All of it said by one file."""
        entries = [
            f"{section}.{name}" for section in SECTIONS if _is_mapping(values.get(section)) for name in values[section]
        ]
        return cls(values, dict.fromkeys([*values, *entries], path))

    def section(self, name: str) -> Mapping[str, Any]:
        """The entries of ``fixed`` or ``space``. Raises `UserError` naming the file where they are no mapping."""
        found = self.values.get(name, {})
        if not _is_mapping(found):
            said = shortened(repr(found))
            raise UserError(f"{self.files[name]}: {name}: expected hyperparameters by name, not {said}")
        return found


def read_search_space(path: Path, shipped: Path) -> SearchSpace:
    """What a file says with all that it inherits; `shipped` is the folder of the search spaces known by their names.

    Raises `UserError` for a file that cannot be read, a base that is not there and a circle, naming the files.
    """
    chain, said = [path], [read_mapping(path)]
    while EXTENDS in said[-1]:
        base = _base(chain[-1], said[-1].pop(EXTENDS), shipped)
        if base.resolve() in {one.resolve() for one in chain}:
            circle = " → ".join(str(one) for one in [*chain, base])
            raise UserError(f"{chain[-1]}: {EXTENDS}: a circle: {circle}")
        chain.append(base)
        said.append(read_mapping(base))
    *extending, root = (SearchSpace.of_file(*one) for one in zip(chain, said, strict=True))
    for own in reversed(extending):
        root = extended(root, own)
    return root


def read_mapping(path: Path) -> dict[str, Any]:
    """What one file says, by its top-level keys."""
    if not _is_there(path):
        raise UserError(f"{path}: no such search space")
    values = yaml_text.read_mapping(path, "keys such as datasets, methods and bits")
    if OTHER_NAME in values:
        if NAME in values:
            raise UserError(f"{path}: {OTHER_NAME}: another name for {NAME}, give one of them")
        values = {(NAME if key == OTHER_NAME else key): value for key, value in values.items()}
    return values


def extended(base: SearchSpace, own: SearchSpace) -> SearchSpace:
    """What `own` says in place of, beside and without what `base` says.

    A top-level key replaces the base's, but `SECTIONS` are merged entry by entry. Null takes away what the base has.
    What `own` fixes is not sampled as in the base and the other way round. First trials of the base are told nothing
    of what is not sampled any more, and those with a choice that `own` does not leave them are not made.
    """
    inherited = {key: value for key, value in base.values.items() if key not in NOT_INHERITED}
    taken_away = {key for key, value in own.values.items() if value is None and key in inherited}
    values = {key: value for key, value in {**inherited, **own.values}.items() if key not in taken_away}
    files = {key: (own if key in own.values else base).files[key] for key in values}
    for section, other in (SECTIONS, SECTIONS[::-1]):
        if section in values:
            moved = set() if other in taken_away else _given(own.section(other))
            said_by = _said_by(base, own, section, moved)
            values[section] = {name: one.values[section][name] for name, one in said_by.items()}
            files |= {f"{section}.{name}": one.files[f"{section}.{name}"] for name, one in said_by.items()}
    if "first_trials" in values and "first_trials" not in own.values:
        space = values.get("space", {})
        gone = base.section("space").keys() - space.keys()
        values["first_trials"] = _possible(_without(values["first_trials"], gone), space)
    return SearchSpace(values, files)


def _said_by(base: SearchSpace, own: SearchSpace, section: str, moved: set[str]) -> dict[str, SearchSpace]:
    """By entry of the merged section, in its order, the one of the two that says so; `moved` to the other section."""
    mine, theirs = own.section(section), base.section(section)
    given = _given(mine)
    for name in mine.keys() - given - theirs.keys():  # a misspelled one would stay in without a word
        raise UserError(f"{own.files[section]}: {section}.{name}: null, but the base has no such entry to take away")
    kept = theirs.keys() - mine.keys() - moved
    return {name: own if name in given else base for name in _in_order(theirs, mine) if name in given | kept}


def _base(path: Path, name: Any, shipped: Path) -> Path:
    """The file that `path` names as its base: from its own folder, or one that comes with the project."""
    if not isinstance(name, str) or not name:
        raise UserError(f"{path}: {EXTENDS}: expected the path of one search space, not {shortened(repr(name))}")
    is_bare = Path(name).name == name
    for candidate in [path.parent / name, *([shipped / name] if is_bare else [])]:
        if _is_there(candidate):
            return candidate
    where = f"{path.parent} or {shipped}" if is_bare else str(path.parent)
    raise UserError(f"{path}: {EXTENDS}: {name!r}: no such search space in {where}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # reading it will say what is wrong
        return True


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _given(entries: Mapping[str, Any]) -> set[str]:
    return {name for name, value in entries.items() if value is not None}


def _in_order(theirs: Iterable[str], mine: Iterable[str]) -> list[str]:
    """The base's entries as they stand there, and a new one behind the one that its own file names before it: the order
    of a space decides which random number a hyperparameter gets, so it must be possible to choose it."""
    order, before = list(theirs), None
    for name in mine:
        if name not in order:
            order.insert(order.index(before) + 1 if before is not None else len(order), name)
        before = name
    return order


def _without(first_trials: Any, gone: set[str]) -> Any:
    """First trials without some keys, and without those trials that told of no others; what is no list of mappings is
    refused with the rest of the file."""
    if not gone or not isinstance(first_trials, list) or not all(map(_is_mapping, first_trials)):
        return first_trials
    left = [{key: value for key, value in first.items() if key not in gone} for first in first_trials]
    return [now for now, first in zip(left, first_trials, strict=True) if now.keys() - {"methods"} or now == first]


def _possible(first_trials: Any, space: Mapping[str, Any]) -> Any:
    """First trials without those that name a choice which the space does not have; anything else is as it was."""
    if not isinstance(first_trials, list) or not all(map(_is_mapping, first_trials)):
        return first_trials
    choices = {
        name: entry["choices"]
        for name, entry in space.items()
        if _is_mapping(entry) and isinstance(entry.get("choices"), list)
    }
    return [
        first
        for first in first_trials
        if all(value in choices[name] for name, value in first.items() if name in choices)
    ]
