"""Codes as files for others to read: this project's own, faiss's binary index, and plain packed bits."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.search.codes_file import HashedItems, save_codes
from hasher.search.index import HammingIndex


def _save_index(codes: HashedItems, path: Path) -> None:
    """A flat index, which `faiss.read_index_binary` opens; codes are filled with zeros to whole bytes."""
    HammingIndex.of_packed(codes.packed, codes.bits).save(path, codes.fingerprint)


def _save_packed(codes: HashedItems, path: Path) -> None:
    """The packed codes alone, uint8 (n, ceil(bits / 8)), as `numpy.packbits` makes them."""
    content = io.BytesIO()
    np.save(content, codes.packed, allow_pickle=False)
    write_atomically(path, content.getvalue())


#: What `encode` writes, by the end of the file's name.
EXPORTS: dict[str, Callable[[HashedItems, Path], None]] = {
    ".npz": save_codes,
    ".faiss": _save_index,
    ".npy": _save_packed,
}


def check_path(path: Path) -> None:
    """Raise `UserError` unless the end of `path` names a kind of file."""
    if path.suffix not in EXPORTS:
        raise UserError(
            f"{path}: codes are written as .npz, .faiss (an index of faiss) or .npy (packed bits), expected a name "
            f"that ends in one of them"
        )
