"""``python -m hasher embed SOURCE --out FILE.npz``: images to an embedding file."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hasher.console import SafeConsole, say
from hasher.data.split_roles import Role
from hasher.errors import UserError
from hasher.images.backbones import DEFAULT_BACKBONE, PRECISIONS, Computing
from hasher.images.decoding import DEFAULT_MAX_PIXELS
from hasher.images.embedding import Here, Maker, Result, embed
from hasher.images.hub import Columns
from hasher.images.opening import SourceOptions, load_backbone, open_source
from hasher.images.progress import EmbeddingProgress
from hasher.images.sources import UNLABELLED, ImageSource, Rows, select
from hasher.images.task import Options, Task
from hasher.images.transformer import POOLINGS
from hasher.training.loop import resolve_device

#: Skipped images named on the screen; the others are in the file beside the embeddings.
NAMED = 5


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(name, help="turn images into an embedding file with a pretrained model")
    parser.add_argument(
        "source", metavar="SOURCE", nargs="+",
        help="stl10, stanford_cars, tiny_imagenet; a folder <root>/<class>/<image> or <root>/<image>; images, patterns "
        "such as 'photos/**/*.jpg', or - for paths on standard input; a folder that the datasets library saved; or a "
        "data set on the Hugging Face hub",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="the embedding file")
    parser.add_argument(
        "--backbone", default=DEFAULT_BACKBONE, metavar="NAME",
        help="vision model of transformers, by hub id or local directory, or module:function (default: ViT-B/16 "
        "pretrained on ImageNet-21k)",
    )  # fmt: skip
    parser.add_argument("--backbone-revision", metavar="REV", help="commit of a model on the hub")
    parser.add_argument("--pooling", choices=POOLINGS, help="default: the class token if there is one")
    parser.add_argument("--classes", nargs="+", default=[], metavar="NAME", help="embed these classes only")
    parser.add_argument("--limit", type=int, metavar="N", help="embed N images, spread evenly, for a trial run")
    parser.add_argument(
        "--split", action="append", default=[], metavar="NAME=ROLE",
        help="use a split as database, queries, unlabelled or none; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--group", metavar="REGEX",
        help="images for whose paths this finds the same text, its (…) groups, show one item and stay on one side of a "
        "split; exact copies always do",
    )  # fmt: skip
    parser.add_argument("--image-column", metavar="NAME", help="column of the images in a data set of the hub")
    parser.add_argument("--label-column", metavar="NAME", help="column of their labels")
    parser.add_argument("--config", metavar="NAME", help="configuration of a data set on the hub")
    parser.add_argument("--revision", metavar="REV", help="commit of a data set on the hub")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default auto)")
    parser.add_argument(
        "--precision", choices=("auto", *PRECISIONS), default="auto",
        help="of matrix products (default auto: float16 on a GPU, float32 on a CPU)",
    )  # fmt: skip
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="default: 64")
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="processes, each with a model and, where there are any, a GPU of its own (default: 1; of a cluster, all)",
    )  # fmt: skip
    parser.add_argument(
        "--address", metavar="HOST:PORT",
        help="embed on the Ray cluster there, or on this machine's (auto); all its machines must reach the images",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, metavar="N",
        help="CPU threads that compute a batch, on which the last bits depend (default: all cores; 1 with --workers or "
        "--address)",
    )  # fmt: skip
    parser.add_argument(
        "--decoders", type=int, metavar="N", help="threads of a worker that decode (default: one a core, shared out)"
    )
    parser.add_argument(
        "--max-pixels", type=int, default=DEFAULT_MAX_PIXELS, metavar="N",
        help=f"skip images of more pixels (default: {DEFAULT_MAX_PIXELS:,}, where Pillow begins to warn)",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="an image that cannot be used is an error")
    parser.add_argument("--restart", action="store_true", help="forget an unfinished run, replace a finished file")


def run(given: argparse.Namespace) -> int:
    """Embed; returns 130 where the user stopped it."""
    console = SafeConsole(stderr=True)
    options = _options(given)
    say(f"opening {given.source[0]} and {given.backbone}")  # a hub may keep us waiting
    source = open_source(
        given.source,
        SourceOptions(
            given.revision, given.config, Columns(given.image_column, given.label_column), _roles(given.split)
        ),
    )
    for note in source.notes:
        say(f"{given.source[0]}: {note}")
    rows = select(source, given.classes, given.limit)
    progress = EmbeddingProgress(console)
    with _maker(given) as (maker, computing):
        say(_announcement(source, rows, given.backbone, computing.device.type))
        try:
            with warnings.catch_warnings(), progress.showing():
                warnings.filterwarnings("ignore", module="PIL")  # what matters of them is listed as skipped
                result = embed(Task(source, rows, computing, options), maker, given.out, progress)
        except KeyboardInterrupt:
            say(f"stopped; the same command goes on from {given.out}.shards")
            return 130
    say(_summary(result, given.out, progress.rate))
    return 0


@contextmanager
def _maker(given: argparse.Namespace) -> Iterator[tuple[Maker, Computing]]:
    """Who embeds, and how: this process, several of this machine, or those of a cluster."""
    load = partial(load_backbone, given.backbone, given.backbone_revision, given.pooling)
    threads = given.threads or (torch.get_num_threads() if given.address is given.workers is None else 1)
    if given.address is None and given.workers in (None, 1):
        computing = _computing(resolve_device(given.device), given.precision, threads)
        yield Here(load(computing)), computing
        return
    from hasher.images.workers import Workers, pool_here, pool_of_cluster

    about = load(Computing(torch.device("cpu"), "float32")).about  # what cannot be had is said before Ray starts
    if given.address is None:
        device = torch.device(resolve_device(given.device).type)  # each worker sees one GPU, its own
        computing = _computing(device, given.precision, threads)
        with pool_here(given.workers, computing) as pool:
            yield Workers(pool, load, about), computing
        return
    with pool_of_cluster(given.address, given.workers, given.device, threads) as pool:
        computing = _computing(torch.device("cuda" if pool.gpus else "cpu"), given.precision, threads)
        yield Workers(pool, load, about), computing


def _computing(device: torch.device, precision: str, threads: int) -> Computing:
    default = "float16" if device.type == "cuda" else "float32"
    return Computing(device, default if precision == "auto" else precision, threads)


def _options(given: argparse.Namespace) -> Options:
    if given.out.suffix != ".npz":
        raise UserError(f"--out {given.out}: expected a name that ends in .npz")
    for name in ("batch_size", "workers", "threads", "decoders", "max_pixels", "limit"):
        value = getattr(given, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} {value}: expected 1 or more")
    return Options(
        batch_size=given.batch_size,
        decoders=given.decoders,
        max_pixels=given.max_pixels,
        item=given.group,
        strict=given.strict,
        restart=given.restart,
    )


def _roles(given: list[str]) -> dict[str, Role]:
    roles = {}
    for text in given:
        name, _, role = text.partition("=")
        if role not in set(Role):
            raise UserError(f"--split {text}: expected NAME=ROLE, with a role out of {', '.join(Role)}")
        roles[name] = Role(role)
    return roles


def _announcement(source: ImageSource, rows: Rows, backbone: str, device: str) -> str:
    labels = source.labels[rows]
    count = len(np.unique(labels[labels != UNLABELLED]))
    if not count:
        return f"{len(rows):,} images without classes; {backbone} on {device}"
    classes = "1 class" if count == 1 else f"{count} classes"
    queries = "no" if source.is_query is None else f"{source.is_query[rows].sum():,}"
    return f"{len(rows):,} images of {classes}, {queries} official test queries; {backbone} on {device}"


def _summary(result: Result, out: Path, rate: float) -> str:
    about = result.about
    if not result.is_new:
        return f"{out}: is there already, made of the same images in the same way ({about['images']:,} images)"
    lines = [f"{out}: {about['images']:,} images, {about['width']} values each ({rate:.0f} images/s)"]
    if result.skipped:
        lines.append(f"{len(result.skipped)} image(s) skipped, all listed in {out}.skipped.csv:")
        lines += [f"  {path}: {reason}" for path, reason in result.skipped[:NAMED]]
        lines += ["  …"] if len(result.skipped) > NAMED else []
    if about["grouped"]:
        also = "" if about["group"] is None else " or show the same item"
        lines.append(f"{about['grouped']} images are exact copies{also}, and stay on one side of a split")
    if about["unlabelled_copies_of_queries_left_out"]:
        lines.append(f"{about['unlabelled_copies_of_queries_left_out']} unlabelled copies of test queries left out")
    if about["labelled_copies_of_queries"]:
        lines.append(
            f"{about['labelled_copies_of_queries']} labelled images are exact copies of test queries, and stay"
        )
    return "\n".join(lines)
