"""MIRFlickr-25k (Huiskes & Lew 2008): 25,000 photographs of Flickr, each with any number of 24 labels.

Nothing is downloaded. Below ``<data folder>/mirflickr25k`` are to be

- ``annotations``: the text files of the archive ``mirflickr25k_annotations_v080.zip``, one a label, with the number of
  an image in each line: ``animals.txt``, ``baby.txt``, … ("potential" labels: visible to some extent), and of 14 of
  them ``baby_r1.txt``, … ("relevant": a subject of the photograph);
- ``features.npz``: ``features`` (n, d) and ``paths`` (n,) that end in the images' names, ``im1.jpg`` to
  ``im25000.jpg``, as `python -m hasher embed` writes them; other arrays are not read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.arrays import opened_archive
from hasher.data.embedding_set import EmbeddingSet
from hasher.errors import UserError
from hasher.files import read_regular

#: The end of the names of files with relevant labels.
RELEVANT = "_r1"

_IMAGE = re.compile(r"(?:.*[/\\])?im(\d+)\.\w+")


def load_mirflickr(data_dir: Path) -> EmbeddingSet:
    """The photographs with their potential labels; one without a label is trained on at most."""
    return _load(data_dir / "mirflickr25k", "mirflickr25k", "")


def load_relevant_mirflickr(data_dir: Path) -> EmbeddingSet:
    """The same with the 14 relevant labels in their place."""
    return _load(data_dir / "mirflickr25k", "mirflickr25k_r1", RELEVANT)


def _load(folder: Path, name: str, ending: str) -> EmbeddingSet:
    """Labels of the files with this end of their names. Raises `UserError` for what is missing or cannot be read."""
    files = _label_files(folder / "annotations", ending)
    features, paths = _embeddings(folder / "features.npz")
    row_of = {number: row for row, number in enumerate(_numbers(paths, folder / "features.npz"))}
    labels = np.zeros((len(paths), len(files)), bool)
    for column, file in enumerate(files.values()):
        rows = [row_of[number] for number in _listed(file) if number in row_of]  # an image that could not be embedded
        labels[rows, column] = True
    return EmbeddingSet(
        name=name, features=features, labels=labels, class_names=tuple(files), paths=paths,
        source=str(folder),
    )  # fmt: skip


def _embeddings(path: Path) -> tuple[NDArray[Any], NDArray[np.str_]]:
    """``features`` and ``paths`` of a file."""
    with opened_archive(path) as archive:
        for key in ("features", "paths"):
            if key not in archive.keys:
                raise UserError(f"{path}: lacks `{key}`, expected `features` and `paths`, the images' names")
        arrays = {key: archive.read(key) for key in ("features", "paths")}
    return arrays["features"], arrays["paths"].astype(np.str_)


def _label_files(folder: Path, ending: str) -> dict[str, Path]:
    """The file of each label, by the label's name."""
    texts = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    found = {
        path.stem.removesuffix(RELEVANT): path
        for path in texts
        if path.stem.lower() != "readme" and path.stem.endswith(RELEVANT) == bool(ending)
    }
    if not found:
        example = f"baby{ending}.txt"
        raise UserError(f"{folder}: holds no labels, expected the text files of MIRFlickr's annotations ({example}, …)")
    return found


def _numbers(paths: NDArray[np.str_], where: Path) -> list[int]:
    """The number in the name of each image."""
    found = [_IMAGE.fullmatch(path) for path in paths.tolist()]
    for row, match in enumerate(found):
        if match is None:
            raise UserError(f"{where}: paths: {paths[row]} in row {row}, expected names of images as im1.jpg")
    numbers = [int(match[1]) for match in found if match is not None]
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(distinct) < len(numbers):
        raise UserError(f"{where}: paths: im{distinct[counts > 1][0]} is there twice, expected each image once")
    return numbers


def _listed(path: Path) -> list[int]:
    """The numbers in a file of labels, one a line."""
    try:
        lines = read_regular(path).decode("ascii").split()
        return [int(line) for line in lines]
    except (OSError, ValueError):
        raise UserError(f"{path}: not a list of images, expected a whole number in each line") from None
