"""``python -m hasher encode MODEL DATA``: hash codes of any vectors, in a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from hasher.commands.options import add_data_options, keys_of
from hasher.console import SafeConsole, say
from hasher.data import Vectors, load_vectors
from hasher.data.registry import named_file
from hasher.errors import UserError
from hasher.files import shown
from hasher.images.files import are_images
from hasher.images.photos import photo_vectors
from hasher.model_file import SavedHasher, load_hasher
from hasher.search import exports
from hasher.search.codes_file import HashedItems, hash_items
from hasher.training.loop import resolve_device


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(name, help="encode vectors with a saved hasher")
    parser.add_argument("model", metavar="MODEL", help="a hasher, as `train` or a study saved it (.safetensors)")
    parser.add_argument(
        "data", metavar="DATA", nargs="+",
        help="a data set's name, a file of embeddings or a folder of .npy files; with :queries or :database at its "
        "end, that side of the split the model was tested on; or, for a hasher of images, images: files, a folder, a "
        "pattern, or - for paths on standard input",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("codes.npz"), metavar="FILE",
        help="codes.npz (default) for `search`, codes.faiss for faiss, codes.npy for the packed bits alone",
    )  # fmt: skip
    add_shared_options(parser)


def add_shared_options(parser: argparse.ArgumentParser) -> None:
    """Options of every subcommand that encodes."""
    add_data_options(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")


def run(given: argparse.Namespace) -> int:
    """Encode and save."""
    exports.check_path(given.out)
    hasher = open_hasher(given)
    codes = encode_with_progress(hasher, open_vectors(given.data, hasher, given))
    exports.EXPORTS[given.out.suffix](codes, given.out)
    say(f"codes in {shown(given.out)} ({given.out.stat().st_size / 1e6:.1f} MB)")
    return 0


def open_hasher(given: argparse.Namespace) -> SavedHasher:
    """The hasher of the command line, on its device."""
    device = resolve_device(given.device)
    hasher = load_hasher(given.model)
    hasher.model.to(device)
    return hasher


def open_vectors(words: Sequence[str], hasher: SavedHasher, given: argparse.Namespace) -> Vectors:
    """What the command line names: embeddings, or images, which are embedded as those the hasher was trained on."""
    if not means_images(words, given):
        return load_vectors(words[0], given.data_dir, hasher.known_split, keys_of(given))
    if hasher.recipe is None:
        raise UserError(
            f"{words[0]}: images, but {given.model} does not say how the embeddings it was trained on were made of "
            f"images; train it on a file that `python -m hasher embed` wrote"
        )
    return photo_vectors(words, hasher.recipe, resolve_device(given.device))


def means_images(words: Sequence[str], given: argparse.Namespace) -> bool:
    """Whether `words` name images, and no embedding file of the data folder has their name."""
    return named_file(words[0], given.data_dir) is None and are_images(words)


def encode_with_progress(hasher: SavedHasher, vectors: Vectors) -> HashedItems:
    """Encode under a progress bar, where there is a terminal, and say how fast that was."""
    started = perf_counter()
    columns = (TextColumn("encoding"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = SafeConsole(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("encoding", total=len(vectors))
        codes = hash_items(hasher, vectors, lambda items: progress.advance(task, items))
    seconds = perf_counter() - started
    say(
        f"{shown(vectors.items.origin)}: {len(codes):,} items to {codes.bits} bits in {seconds:.2f} s "
        f"({len(codes) / seconds:,.0f} a second)"
    )
    return codes
