"""Two real data sets of several labels an item, as ``.npz`` files whose `labels` are a matrix of booleans.

``python -m benchmarks.several_labels fashion`` writes ``data/fashion_kinds.npz``: Fashion-MNIST pixels with two labels,
the class and the kind of thing it is (tops, bottoms and dresses, footwear, bags). Pictures of one kind are relevant to
each other, and those of one class share two labels.

``python -m benchmarks.several_labels clipart`` writes ``data/clipart_labels.npz`` of the drawings of Debian's package
openclipart-png, embedded by

    python -m hasher embed /usr/share/openclipart/png --out data/openclipart.npz

with every folder that a drawing lies in, and those around it, as its labels; copies of a drawing that are filed in
several places are one item. Folders of series of near copies are left out (`benchmarks.clipart_links` says which they
are), and labels of fewer than `LEAST` drawings are none. ``python benchmarks/images_to_study.py clipart_labels`` does
both, and runs the study.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from hasher.data import EmbeddingSet, load_dataset
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.labels import multi_hot

#: Kinds of Fashion-MNIST's classes.
KINDS = {
    "tops": ("T-shirt/top", "Pullover", "Coat", "Shirt"),
    "bottoms and dresses": ("Trouser", "Dress"),
    "footwear": ("Sandal", "Sneaker", "Ankle boot"),
    "bags": ("Bag",),
}

#: Folders of OpenClipart whose drawings are no items: near copies, or of no subject.
LEFT_OUT = (
    "computer/icons", "computer/buttons", "signs_and_symbols/led", "signs_and_symbols/map_symbols", "shapes/jigsaw",
    "shapes/stars", "special/gradients", "recreation/games/cards", "buttons", "unsorted",
)  # fmt: skip

#: Drawings that a folder needs to be a label.
LEAST = 20


def fashion_kinds(data: EmbeddingSet) -> EmbeddingSet:
    """`data`, Fashion-MNIST, with the kind of every class as a second label."""
    kind_of = {name: kind for kind, names in KINDS.items() for name in names}
    labels, names = multi_hot([data.class_names[label], kind_of[data.class_names[label]]] for label in data.labels)
    return EmbeddingSet(
        "fashion_kinds", data.features, labels, names, is_query=data.is_query, image_shape=data.image_shape
    )


def clipart_folders(data: EmbeddingSet, left_out: Sequence[str], least: int) -> EmbeddingSet:
    """The distinct drawings of `data`, whose `paths` lie in folders of the package, with these folders as labels.

    Raises:
        UserError: data without paths, or nothing left of it.
    """
    if data.paths is None:
        raise UserError(f"{data.source}: holds no paths, embed the folder of the package")
    above = len(_common_folder(data.paths.tolist()))
    inside = ["/".join(PurePath(path).parts[above:-1]) for path in data.paths]
    rows = [row for row, folder in enumerate(inside) if not _is_below(folder, left_out)]
    # a drawing without copies has a negative group, and becomes one of its own
    copies = -1 - np.arange(len(data)) if data.groups is None else np.where(
        data.groups < 0, -1 - np.arange(len(data)), data.groups
    )  # fmt: skip
    folders: dict[int, set[str]] = {}
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(int(copies[row]), row)
        folders.setdefault(int(copies[row]), set()).update(_with_those_around(inside[row]))
    if not first:
        raise UserError(f"{data.source}: no drawing is left, expected the folders of openclipart-png")
    labels, names = multi_hot(folders.values())
    kept = labels.sum(axis=0) >= least
    chosen = np.array(list(first.values()))
    return EmbeddingSet(
        "clipart_labels", data.features[chosen], labels[:, kept],
        tuple(name for name, is_kept in zip(names, kept, strict=True) if is_kept), paths=data.paths[chosen],
    )  # fmt: skip


def _common_folder(paths: Sequence[str]) -> tuple[str, ...]:
    parts = [PurePath(path).parts[:-1] for path in paths]
    shared = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)


def _is_below(folder: str, others: Sequence[str]) -> bool:
    return any(folder == other or folder.startswith(f"{other}/") for other in others)


def _with_those_around(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def save(data: EmbeddingSet, path: Path) -> None:
    """Write `data` as an ``.npz`` file, whole or not at all."""
    known: dict[str, Any] = {"is_query": data.is_query, "groups": data.groups, "paths": data.paths}
    content = io.BytesIO()
    np.savez(
        content, features=data.features, labels=data.labels, class_names=np.array(data.class_names),
        **{key: values for key, values in known.items() if values is not None},
    )  # fmt: skip
    write_atomically(path, content.getvalue())


def main() -> None:
    """Write one of the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["fashion", "clipart"])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR")
    given = parser.parse_args()
    try:
        if given.what == "fashion":
            data = fashion_kinds(load_dataset("fashion_mnist", given.data_dir))
        else:
            data = clipart_folders(load_dataset("openclipart", given.data_dir), LEFT_OUT, LEAST)
        path = given.data_dir / f"{data.name}.npz"
        save(data, path)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    counts, names = data.labels.sum(axis=1), len(data.class_names)
    print(f"{path}: {len(data):,} items, {names} labels, {counts.mean():.2f} an item, {counts.max()} at most")


if __name__ == "__main__":
    main()
