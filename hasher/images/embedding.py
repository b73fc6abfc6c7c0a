"""From a source of images to an embedding file: work is kept in shards, whoever makes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hasher.csv_text import rows_to_csv
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.images.backbones import Backbone
from hasher.images.groups import compiled
from hasher.images.npz_file import Summary, read_about, write_npz
from hasher.images.shard_making import Watcher, shards_of
from hasher.images.shards import Part, Shards, first_difference
from hasher.images.sources import ImageSource
from hasher.images.task import Task

#: Images a shard holds, about: a stopped run loses less than this many.
SHARD = 1024


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


class Maker(Protocol):
    """Makes shards: in this process, or wherever else.

    Attributes:
        about: what the embedding file records of the backbone.
    """

    @property
    def about(self) -> Mapping[str, Any]: ...

    def packed_shards(self, task: Task, parts: Sequence[Part], watcher: Watcher) -> Iterator[tuple[Part, bytes]]:
        """Each of `parts` once, in whatever order, with its packed shard (`Part.packed`)."""


class Here:
    """Makes shards in this process, by `backbone`."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self.about = backbone.about

    def packed_shards(self, task: Task, parts: Sequence[Part], watcher: Watcher) -> Iterator[tuple[Part, bytes]]:
        rows = [part.rows for part in parts]
        made = shards_of(task.source, self._backbone, task.options, rows, watcher)
        for part, shard in zip(parts, made, strict=True):
            yield part, part.packed(shard)


def embed(task: Task, maker: Maker, out: Path, watcher: Watcher) -> Result:
    """Embed the images of `task` into the file `out`, whole or not at all.

    Finished shards stay in ``<out>.shards`` until the file is there, so that the same call goes on where it was stopped
    and makes the same file to the byte, whoever makes the shards. Memory holds the pictures under way and one shard,
    whatever the number of images, and about 150 bytes an image for names and hashes. Images that cannot be used are
    listed in ``<out>.skipped.csv``.

    Raises:
        UserError: `out` is there and was made otherwise, an unfinished run had other settings, an image cannot be used
            and `options.strict`, vectors that are not finite, or no image left.
    """
    source, options = task.source, task.options
    settings = task.settings(maker.about)
    item = None if options.item is None else compiled(options.item)
    if item is not None and source.is_query is not None:
        raise UserError(
            f"--group {options.item}: {source.about['source']} has an official split, which groups could tear"
        )
    folder = out.with_name(f"{out.name}.shards")
    size = max(1, SHARD // options.batch_size) * options.batch_size
    shards = Shards(folder, settings, source, task.rows, size)
    if options.restart:
        shutil.rmtree(folder, ignore_errors=True)
    elif out.exists():
        return Result(_same(out, settings, shards.listing), [], is_new=False)
    with shards.opened():
        _make_missing(shards, task, maker, watcher)
        summary = Summary.of(shards.load(), source, item)
        skipped = [(source.path(row), reason) for row, reason in sorted(summary.skipped.items())]
        if options.strict and skipped:
            raise UserError(f"{skipped[0][0]}: {skipped[0][1]}")
        about = {**settings, "listing": shards.listing, **_counts(summary, source)}
        write_npz(out, source, summary, shards, about)
        _list_skipped(out.with_name(f"{out.name}.skipped.csv"), skipped)
    return Result(about, skipped, is_new=True)


def _make_missing(shards: Shards, task: Task, maker: Maker, watcher: Watcher) -> None:
    missing = shards.missing()
    watcher.begin(len(shards) - sum(len(part.rows) for part in missing), len(shards))
    if missing:
        for part, content in maker.packed_shards(task, missing, watcher):
            shards.save(part, content)


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
    known = {"threads": settings["threads"], **about}  # files of version 0.3 and before do not say
    key = first_difference(known, settings)
    if key is not None:
        raise UserError(f"{out}: exists, with another {key}; choose another --out, or --restart replaces it")
    if about.get("listing") != listing:
        raise UserError(f"{out}: exists, made of other images or before they changed; --restart replaces it")
    return about


def _list_skipped(path: Path, skipped: list[tuple[str, str]]) -> None:
    if not skipped:
        path.unlink(missing_ok=True)  # of an earlier file
        return
    write_atomically(path, rows_to_csv([("path", "reason"), *skipped]))
