"""From a source of images to an embedding file: decoding in threads, computing in batches, work kept in shards."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image

from hasher.csv_text import rows_to_csv
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.images.backbones import Backbone, Computing
from hasher.images.decoding import DEFAULT_MAX_PIXELS, Decoder, UnusableImage, without_pillow_limit
from hasher.images.groups import compiled
from hasher.images.npz_file import Summary, read_about, write_npz
from hasher.images.shards import Shard, Shards, first_difference
from hasher.images.sources import ImageSource, Rows

#: Libraries that vectors may depend on, and the modules they are installed as.
LIBRARIES = {"pillow": "PIL", "torch": "torch", "transformers": "transformers"}

#: Images a shard holds, about: a stopped run loses less than this many.
SHARD = 1024


@dataclass(frozen=True)
class Options:
    """How to go about it.

    Attributes:
        batch_size: images computed together.
        workers: threads that read, decode and preprocess.
        max_pixels: most pixels of one decoded image.
        item: regular expression; images for whose paths it finds the same text show one item (see `named_items`).
        strict: an image that cannot be used is an error.
        restart: forget an unfinished run, and replace a finished file.
    """

    batch_size: int = 64
    workers: int = os.cpu_count() or 1
    max_pixels: int = DEFAULT_MAX_PIXELS
    item: str | None = None
    strict: bool = False
    restart: bool = False


class Watcher(Protocol):
    """Is told how far the work is."""

    def begin(self, done: int, total: int) -> None:
        """`done` of `total` images are there from an earlier run."""

    def advance(self, images: int, skipped: int) -> None:
        """More `images` are done, `skipped` of them without a vector."""


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Attributes:
        about: what the file says of itself: settings and counts.
        skipped: path and reason of every image that cannot be used; known where `is_new`.
        is_new: False where the file was there already, made in the same way of the same images.
    """

    about: Mapping[str, Any]
    skipped: list[tuple[str, str]]
    is_new: bool


@dataclass(frozen=True)
class _Prepared:
    """One image on its way: what the backbone takes and a hash of the picture, or the problem."""

    row: int
    ready: Any = None
    digest: int = 0
    problem: str | None = None


def embed(
    source: ImageSource,
    rows: Rows,
    backbone: Backbone,
    out: Path,
    computing: Computing,
    options: Options,
    watcher: Watcher,
) -> Result:
    """Embed the images at `rows` of `source` into the file `out`, whole or not at all.

    Finished shards stay in ``<out>.shards`` until the file is there, so that the same call goes on where it was stopped
    and makes the same file to the byte. Memory holds the pictures under way and one shard, whatever the number of
    images, and about 150 bytes an image for names and hashes. Images that cannot be used are listed in
    ``<out>.skipped.csv``.

    Raises:
        UserError: `out` is there and was made otherwise, an unfinished run had other settings, an image cannot be used
            and `options.strict`, vectors that are not finite, or no image left.
    """
    settings = _settings(source, backbone, computing, options)
    item = None if options.item is None else compiled(options.item)
    if item is not None and source.is_query is not None:
        raise UserError(
            f"--group {options.item}: {source.about['source']} has an official split, which groups could tear"
        )
    folder = out.with_name(f"{out.name}.shards")
    size = max(1, SHARD // options.batch_size) * options.batch_size
    shards = Shards(folder, settings, source, rows, size)
    if options.restart:
        shutil.rmtree(folder, ignore_errors=True)
    elif out.exists():
        return Result(_same(out, settings, shards.listing), [], is_new=False)
    with shards.opened():
        _make_shards(shards, source, backbone, options, watcher)
        summary = Summary.of(shards.load(), source, item)
        skipped = [(source.path(row), reason) for row, reason in sorted(summary.skipped.items())]
        if options.strict and skipped:
            raise UserError(f"{skipped[0][0]}: {skipped[0][1]}")
        about = {**settings, "listing": shards.listing, **_counts(summary, source)}
        write_npz(out, source, summary, shards, about)
        _list_skipped(out.with_name(f"{out.name}.skipped.csv"), skipped)
    return Result(about, skipped, is_new=True)


def _settings(source: ImageSource, backbone: Backbone, computing: Computing, options: Options) -> dict[str, Any]:
    """All that the vectors depend on besides the images."""
    return {
        "source": dict(source.about),
        **backbone.about,
        "precision": computing.precision,
        "device": computing.device.type,
        "batch_size": options.batch_size,
        "max_pixels": options.max_pixels,
        "group": options.item,
        "versions": {name: version(name) for name, module in LIBRARIES.items() if find_spec(module)},
    }


def _counts(summary: Summary, source: ImageSource) -> dict[str, Any]:
    return {
        "images": len(summary.kept_rows),
        "width": summary.width,
        "skipped": len(summary.skipped),
        "unlabelled_copies_of_queries_left_out": int((~summary.kept).sum()),
        "labelled_copies_of_queries": summary.copies_of_queries(source),
        "grouped": 0 if summary.groups is None else int((summary.groups >= 0).sum()),
    }


def _same(out: Path, settings: Mapping[str, Any], listing: str) -> dict[str, Any]:
    """What the finished file says of itself, where it was made with `settings` of the images of `listing`."""
    about = read_about(out)
    if about is None:
        raise UserError(f"{out}: exists, not made by this command; choose another --out, or --restart replaces it")
    key = first_difference(about, settings)
    if key is not None:
        raise UserError(f"{out}: exists, with another {key}; choose another --out, or --restart replaces it")
    if about.get("listing") != listing:
        raise UserError(f"{out}: exists, made of other images or before they changed; --restart replaces it")
    return about


def shard_of(source: ImageSource, rows: Rows, backbone: Backbone, options: Options, watcher: Watcher) -> Shard:
    """The images at `rows` of `source` embedded in memory."""
    watcher.begin(0, len(rows))
    prepare = _preparer(source, backbone, Decoder(options.max_pixels))
    with without_pillow_limit(), _in_order(prepare, iter(rows), options) as ready:
        return _make_shard(ready, source, backbone, options, watcher)


def _make_shards(shards: Shards, source: ImageSource, backbone: Backbone, options: Options, watcher: Watcher) -> None:
    missing = shards.missing()
    remaining = [shards.rows(number) for number in missing]
    total = len(shards)
    watcher.begin(total - sum(map(len, remaining)), total)
    prepare = _preparer(source, backbone, Decoder(options.max_pixels))
    with without_pillow_limit(), _in_order(prepare, itertools.chain.from_iterable(remaining), options) as ready:
        for number, rows in zip(missing, remaining, strict=True):
            shards.save(number, _make_shard(itertools.islice(ready, len(rows)), source, backbone, options, watcher))


def _make_shard(
    prepared: Iterator[_Prepared], source: ImageSource, backbone: Backbone, options: Options, watcher: Watcher
) -> Shard:
    """Vectors of the images in `prepared`, in batches filled up with usable ones."""
    used: list[_Prepared] = []
    skipped: dict[int, str] = {}
    features = []

    def usable() -> Iterator[_Prepared]:
        for item in prepared:
            if item.problem is None:
                yield item
                continue
            if options.strict:
                raise UserError(f"{source.path(item.row)}: {item.problem}")
            skipped[item.row] = item.problem
            watcher.advance(1, 1)

    for batch in _batches(usable(), options.batch_size):
        vectors = backbone.embed([item.ready for item in batch])
        _check(vectors, batch, source)
        features.append(vectors)
        used += [_Prepared(item.row, digest=item.digest) for item in batch]
        watcher.advance(len(batch), 0)
    return Shard(
        rows=np.array([item.row for item in used], dtype=np.int64),
        features=np.concatenate(features) if features else np.empty((0, 0), dtype=np.float32),
        digests=np.array([item.digest for item in used], dtype=np.int64),
        skipped=skipped,
    )


def _batches(items: Iterator[_Prepared], size: int) -> Iterator[list[_Prepared]]:
    while batch := list(itertools.islice(items, size)):
        yield batch


def _check(vectors: np.ndarray, batch: list[_Prepared], source: ImageSource) -> None:
    if vectors.ndim != 2 or len(vectors) != len(batch):
        raise UserError(f"--backbone: gives an array of shape {vectors.shape} for {len(batch)} images, expected (n, d)")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        path = source.path(batch[int(finite.argmin())].row)
        raise UserError(
            f"{path}: its vector is not finite; a model that float16 is too narrow for needs --precision float32"
        )


def _preparer(source: ImageSource, backbone: Backbone, decoder: Decoder) -> Callable[[int], _Prepared]:
    """Reads, decodes and preprocesses one image."""

    def prepare(row: int) -> _Prepared:
        try:
            with decoder.picture(source.read(int(row))) as picture:
                digest = _digest(picture)
                ready = backbone.preprocess(picture)
        except UnusableImage as error:
            return _Prepared(int(row), problem=str(error))
        except OSError as error:
            return _Prepared(int(row), problem=f"cannot be read ({error.strerror or error})")
        except Exception as error:  # preprocessing may not take every shape of picture
            return _Prepared(int(row), problem=f"cannot be preprocessed ({type(error).__name__}: {error})")
        return _Prepared(int(row), ready, digest)

    return prepare


def _digest(picture: Image) -> int:
    size = f"{picture.width} × {picture.height}".encode()
    return int.from_bytes(hashlib.blake2b(picture.tobytes(), digest_size=8, key=size).digest(), "little") >> 1


@contextmanager
def _in_order(
    function: Callable[[int], _Prepared], rows: Iterator[int], options: Options
) -> Iterator[Iterator[_Prepared]]:
    """``map(function, rows)`` by threads, in order, with two batches of results waiting or under way."""
    window = 2 * options.batch_size + options.workers
    pool = ThreadPoolExecutor(options.workers, thread_name_prefix="decode")
    waiting: deque[Future[_Prepared]] = deque()

    def results() -> Iterator[_Prepared]:
        for row in rows:
            waiting.append(pool.submit(function, row))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield results()
    finally:
        pool.shutdown(cancel_futures=True)


def _list_skipped(path: Path, skipped: list[tuple[str, str]]) -> None:
    if not skipped:
        path.unlink(missing_ok=True)  # of an earlier file
        return
    write_atomically(path, rows_to_csv([("path", "reason"), *skipped]))
