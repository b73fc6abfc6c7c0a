"""An ``.npz`` file, as ``numpy.savez`` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hasher.data.arrays import EXPECTED, Arrays
from hasher.data.keys import Keys
from hasher.errors import UserError, reason


def read(path: Path, keys: Keys) -> Arrays:
    """The arrays that mean something here; others are never read, so they may hold anything.

    Raises `UserError` for a file that is damaged or none, or an array of Python objects.
    """
    try:
        file = np.load(path, allow_pickle=False)
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        raise UserError(f"{path}: not a readable .npz file ({reason(error)})") from None
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise UserError(f"{path}: holds a single array, expected an .npz file with `features` and `labels`")
    with file:
        found = keys.find(file.files, str(path))
        parts = {part: _read_array(file, key, part, path) for part, key in found.items()}
        return Arrays(path.stem, str(path), tuple(file.files), parts, _about(file))


def _read_array(file: Any, key: str, part: str, path: Path) -> Any:
    try:
        return np.asarray(file[key])
    except Exception as error:  # as above: members are read lazily
        if "allow_pickle" in str(error):
            raise UserError(f"{path}: {key} holds pickled Python objects, expected {EXPECTED[part]}") from None
        raise UserError(f"{path}: {key} cannot be read ({reason(error)})") from None


def _about(file: Any) -> dict[str, Any] | None:
    """What the file says of how it was made, by `embed` for one; None where that is nothing that can be understood."""
    try:
        about = json.loads(str(file["about"]))
    except Exception:  # missing, pickled, damaged or not JSON: it is there for information only
        return None
    return about if isinstance(about, dict) else None
