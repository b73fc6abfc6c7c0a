"""The files that are read, by the end of their name: a line each, and a module beside this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hasher.data.arrays import Arrays
from hasher.data.formats import arrow, matrix, npz, parquet, tensors, text
from hasher.data.keys import Keys


@dataclass(frozen=True)
class Format:
    """One kind of file: ends of its name, and what reads it."""

    suffixes: tuple[str, ...]
    read: Callable[[Path, Keys], Arrays]


#: Where a name in the data folder stands for several files, the first is meant.
FORMATS = (
    Format((".npz",), npz.read),
    Format((".npy",), matrix.read),
    Format((".parquet",), parquet.read),
    Format((".arrow", ".feather"), arrow.read),
    Format((".csv",), text.read),
    Format((".safetensors",), tensors.read_safetensors),
    Format((".pt", ".pth"), tensors.read_torch),
)

#: The reader of each end of a name.
READERS = {suffix: each.read for each in FORMATS for suffix in each.suffixes}

#: What can be read, in words.
EXPECTED = ", ".join(READERS)
