"""Images to vectors in this process: decoding in threads, computing in batches whose members are always the same."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image

from hasher.errors import UserError
from hasher.images.backbones import Backbone
from hasher.images.decoding import Decoder, UnusableImage, without_pillow_limit
from hasher.images.shards import Shard
from hasher.images.sources import ImageSource, Rows
from hasher.images.task import Options


class Watcher(Protocol):
    """Is told how far the work is."""

    def begin(self, done: int, total: int) -> None:
        """`done` of `total` images are there from an earlier run."""

    def advance(self, images: int, skipped: int) -> None:
        """More `images` are done, `skipped` of them without a vector."""


@dataclass(frozen=True)
class _Prepared:
    """One image on its way: what the backbone takes and a hash of the picture, or the problem."""

    row: int
    ready: Any = None
    digest: int = 0
    problem: str | None = None


def shards_of(
    source: ImageSource, backbone: Backbone, options: Options, parts: Sequence[Rows], watcher: Watcher
) -> Iterator[Shard]:
    """The shards of `parts`, rows of `source` each, one after the other.

    A batch has images of one part alone, so its members do not depend on who makes which part. Raises `UserError` where
    an image cannot be used and `options.strict`, and for vectors that are none or not finite.
    """
    prepare = _preparer(source, backbone, Decoder(options.max_pixels))
    with without_pillow_limit(), _in_order(prepare, itertools.chain.from_iterable(parts), options) as ready:
        for rows in parts:
            yield _make_shard(itertools.islice(ready, len(rows)), source, backbone, options, watcher)


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
    decoders = options.decoders or os.cpu_count() or 1
    window = 2 * options.batch_size + decoders
    pool = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
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
