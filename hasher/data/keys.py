"""What the parts of a data set are called in its file."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hasher.console import shortened
from hasher.errors import UserError

#: Names each part may have where nobody says otherwise, the usual one first.
USUAL: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "features": ("features", "embeddings", "embedding", "vectors", "vector"),
    "labels": ("labels", "label"),
    "is_query": ("is_query",),
    "groups": ("groups", "group"),
    "paths": ("paths", "path"),
    "ids": ("ids", "id"),
    "class_names": ("class_names",),
})  # fmt: skip

#: The option that names a part.
OPTIONS = {"features": "--features-key", "labels": "--label-column", "ids": "--id-column"}

#: The same as keys of a data set in a search space.
FIELDS = {"features": "features_key", "labels": "label_column", "ids": "id_column"}


@dataclass(frozen=True)
class Keys:
    """Names a person gives; None leaves the usual ones. `label_file` holds the labels that a lone matrix lacks."""

    features: str | None = None
    labels: str | None = None
    ids: str | None = None
    label_file: str | None = None

    def find(self, names: Sequence[str], where: str) -> dict[str, str]:
        """Which of `names` each part has, by the part; what a file lacks is not there.

        A name that looks misspelt is warned about. Raises `UserError` for a name given that is not among `names`.
        """
        found = {}
        for part, usual in USUAL.items():
            wanted = getattr(self, part, None)
            if wanted is not None and wanted not in names:
                raise UserError(f"{where}: no {wanted!r} ({OPTIONS[part]}); found: {listed(names)}")
            name = wanted or next((each for each in usual if each in names), None)
            if name is not None:
                found[part] = name
        _warn_about_misspelt(names, found, where)
        return found


NO_KEYS = Keys()


def listed(names: Sequence[str]) -> str:
    """The first of `names`, for messages."""
    shown = [" ".join(name.split()) for name in names[:12]]  # a file's own words may be of several lines
    return shortened(", ".join(shown), 300) + (", …" if len(names) > 12 else "") or "nothing"


def missing(part: str, expected: Sequence[str], names: Sequence[str], where: str) -> UserError:
    """The error for a file of `names` that lacks a part, one of those `expected`."""
    wanted = " and ".join(f"`{each}`" for each in expected)
    return UserError(
        f"{where}: lacks `{part}`, expected {wanted}; found: {listed(names)} ({OPTIONS[part]} says what it is called)"
    )


def _warn_about_misspelt(names: Sequence[str], found: Mapping[str, str], where: str) -> None:
    absent = [part for part in USUAL if part not in found]
    for name in names:
        close = difflib.get_close_matches(name, absent, n=1, cutoff=0.75)
        if name not in found.values() and close:
            warnings.warn(f"{where}: unknown key `{name}` ignored; did you mean `{close[0]}`?", stacklevel=2)
