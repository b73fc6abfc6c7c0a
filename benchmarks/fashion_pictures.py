"""Fashion-MNIST as PNG pictures: 11,000 of its training pictures and 1,000 of its official test, all classes alike.

``python -m benchmarks.fashion_pictures`` writes ``data/images/fashion/{train,test}/<class>/<number>.png``, where the
number is the picture's in the official file, from 0. The files are those of Debian's package dataset-fashion-mnist
(``apt-get install dataset-fashion-mnist``) where it is installed, and else the authors'. `embed` takes folders named
train and test for the splits that they are, so the test pictures become the official queries. They are a sample
because 70,000 pictures through a network take an hour on two cores, and as many as the study of the pixels uses.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.whole_folder import whole_folder
from hasher.data import EmbeddingSet
from hasher.data.fashion_mnist import load_fashion_mnist
from hasher.errors import UserError

#: Pictures of each split.
COUNTS = {"train": 11_000, "test": 1_000}


def write_pictures(dataset: EmbeddingSet, folder: Path, counts: Mapping[str, int]) -> int:
    """Write pictures of both splits into `folder`, which appears whole or not at all.

    Args:
        dataset: grey pictures in [0, 1] with an official split, the queries after all others.
        folder: where ``{train,test}/<class>/<number>.png`` go; must not hold anything yet.
        counts: pictures of ``train`` and of ``test``, a multiple of the number of classes.

    Returns:
        How many were written.

    Raises:
        UserError: a count that cannot be shared alike among the classes, or a class with too few pictures.
    """
    assert dataset.is_query is not None and dataset.image_shape is not None
    sides = {"train": np.flatnonzero(~dataset.is_query), "test": np.flatnonzero(dataset.is_query)}
    with whole_folder(folder) as filling:
        for split, rows in sides.items():
            for row in stratified(dataset, rows, counts[split]):
                of_class = filling / split / _file_safe(dataset.class_names[dataset.labels[row]])
                of_class.mkdir(parents=True, exist_ok=True)
                values = np.rint(dataset.features[row] * 255).astype(np.uint8).reshape(dataset.image_shape)
                Image.fromarray(values).save(of_class / f"{row - rows[0]:05}.png")
    return sum(counts.values())


def stratified(dataset: EmbeddingSet, rows: NDArray[np.int64], count: int) -> list[int]:
    """`count` of `rows`, as many of every class, spread evenly over the class in the order of `rows`.

    Raises:
        UserError: `count` is no multiple of the number of classes, or a class has too few rows.
    """
    classes = len(dataset.class_names)
    each, left = divmod(count, classes)
    if left:
        raise UserError(f"{count} pictures cannot be shared alike among {classes} classes")
    chosen: list[int] = []
    for label, name in enumerate(dataset.class_names):
        found = rows[dataset.labels[rows] == label]
        if len(found) < each:
            raise UserError(f"{dataset.name}: {name}: {len(found)} pictures, {each} are wanted")
        chosen += found[np.arange(each) * len(found) // max(each, 1)].tolist()
    return chosen


def _file_safe(name: str) -> str:
    """A class as a folder's name: of "T-shirt/top" the slash would make two folders."""
    return re.sub(r"[^A-Za-z0-9-]+", "_", name)


def main() -> None:
    """Write the pictures, unless they are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data/images/fashion"), metavar="FOLDER")
    folder = parser.parse_args().out
    if folder.exists():
        print(f"{folder}: is there already; delete it to make it anew")
        return
    try:
        written = write_pictures(load_fashion_mnist(Path("data")), folder, COUNTS)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{folder}: {written:,} pictures")


if __name__ == "__main__":
    main()
