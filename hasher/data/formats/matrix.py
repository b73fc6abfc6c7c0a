"""An ``.npy`` file with one matrix (n, d), mapped into memory; its labels are in a file beside it."""

from __future__ import annotations

from pathlib import Path

from hasher.arrays import mapped_array
from hasher.data.arrays import Arrays
from hasher.data.keys import Keys
from hasher.errors import UserError, reason


def read(path: Path, keys: Keys) -> Arrays:
    """The matrix as ``features``; a vector (d,) is a matrix of one row. Raises `UserError` for no such file."""
    try:
        matrix = mapped_array(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable .npy file ({reason(error)})") from None
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    return Arrays(path.stem, str(path), ("a matrix",), {"features": matrix})
