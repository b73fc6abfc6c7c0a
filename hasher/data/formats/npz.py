"""An ``.npz`` file, as ``numpy.savez`` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hasher.arrays import ArrayArchive, opened_archive
from hasher.data.arrays import EXPECTED, Arrays
from hasher.data.keys import Keys


def read(path: Path, keys: Keys) -> Arrays:
    """The arrays that mean something here; others are never read, so they may hold anything.

    Raises `UserError` for a file that is damaged or none, or an array of Python objects.
    """
    with opened_archive(path) as archive:
        found = keys.find(archive.keys, str(path))
        names = found.pop("class_names", None)
        parts = {part: archive.read(key, EXPECTED[part]) for part, key in found.items()}
        if names is not None and "labels" in parts and parts["labels"].ndim == 2:  # else they may be anything
            parts["class_names"] = archive.read(names, EXPECTED["class_names"])
        return Arrays(path.stem, str(path), tuple(archive.keys), parts, _about(archive))


def _about(archive: ArrayArchive) -> dict[str, Any] | None:
    """What the file says of how it was made, by `embed` for one; None where that is nothing that can be understood."""
    try:
        about = json.loads(str(archive.read("about")))
    except Exception:  # missing, pickled, damaged or not JSON: it is there for information only
        return None
    return about if isinstance(about, dict) else None
