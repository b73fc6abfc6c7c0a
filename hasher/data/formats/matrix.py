"""An ``.npy`` file with one matrix (n, d), mapped into memory; its labels are in a file beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hasher.data.arrays import Arrays
from hasher.data.keys import Keys
from hasher.errors import UserError, reason


def read(path: Path, keys: Keys) -> Arrays:
    """The matrix as ``features``; a vector (d,) is a matrix of one row. Raises `UserError` for no such file."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy raises whatever its parsers do on a damaged header; all of it is a bad file
        shorter = "mmap" in str(error) and "pickle" not in str(error)
        why = "the file is shorter than its header says" if shorter else reason(error)
        raise UserError(f"{path}: not a readable .npy file ({why})") from None
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    return Arrays(path.stem, str(path), ("a matrix",), {"features": matrix})
