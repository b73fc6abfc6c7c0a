"""Images by the paths of their files: one, several, those that a pattern finds, or a list on standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from hasher.errors import UserError
from hasher.images.folder import SUFFIXES, ImageFolder, files_below
from hasher.images.sources import UNLABELLED

#: What stands for standard input.
STDIN = "-"

#: Files of a folder that are looked at to tell whether it is one of images.
LOOKED_AT = 1000


def are_files(words: Sequence[str]) -> bool:
    """Whether `words` name image files, there or not, and no folder or data set."""
    return len(words) > 1 or words[0] == STDIN or _is_pattern(words[0]) or _is_image(words[0])


def are_images(words: Sequence[str]) -> bool:
    """Whether `words` can only mean images: such files, or a folder that holds some and no vectors."""
    return are_files(words) or (Path(words[0]).is_dir() and _holds_images(Path(words[0])))


def open_files(words: Sequence[str]) -> ImageFolder:
    """The images without labels that `words` name: files, patterns (``*``, ``?``, ``[…]``, ``**``), or ``-``.

    ``-`` stands for paths on standard input, one a line. A pattern finds visible files whose names end as an image's.

    Raises:
        UserError: a file that is not there, a folder, or nothing found.
    """
    files = [path for word in words for path in _found(word)]
    source = words[0] if len(words) == 1 else f"{words[0]} and {len(words) - 1:,} more"
    return ImageFolder(
        about={"source": source, "kind": "image files"},
        class_names=(),
        labels=np.full(len(files), UNLABELLED, dtype=np.int32),
        is_query=None,
        notes=(),
        root=Path(),
        files=files,
    )


def _found(word: str) -> list[str]:
    if word == STDIN:
        files = [line for line in sys.stdin.read().splitlines() if line]
        problem = "standard input: no paths of images, expected one a line"
    elif _is_pattern(word):
        files = sorted(path for path in glob.glob(word, recursive=True) if _is_image(path))  # noqa: PTH207 - as written
        problem = f"{word}: finds no images"
    else:
        if Path(word).is_dir():
            raise UserError(f"{word}: a folder among several sources; name it alone, or the images in it by {word}/*")
        files, problem = [word] if Path(word).is_file() else [], f"{word}: no such file"
    if not files:
        raise UserError(problem)
    return files


def _is_pattern(word: str) -> bool:
    return glob.has_magic(word) and not os.path.exists(word)  # noqa: PTH110 - Path.exists raises for some names


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in SUFFIXES and not os.path.isdir(path)  # noqa: PTH112 - likewise


def _holds_images(folder: Path) -> bool:
    """Whether images are the first files found, and no vectors."""
    suffixes = {Path(path).suffix.lower() for path in islice(files_below(folder), LOOKED_AT)}
    return bool(suffixes & SUFFIXES) and ".npy" not in suffixes
