"""The work of an unfinished run, in a folder beside the file it will become."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hasher.arrays import opened_archive
from hasher.errors import UserError
from hasher.files import read_regular, replacing, write_atomically
from hasher.images.sources import ImageSource, Rows


@dataclass(frozen=True, eq=False)
class Shard:
    """What became of some consecutive images.

    Attributes:
        rows: int64 (m,), rows of the source that have a vector, ascending.
        features: float32 (m, d); (0, 0) where there are none.
        digests: int64 (m,), a hash of the picture, equal for images of equal pixels.
        skipped: rows of the source without a vector, with the reason.
    """

    rows: Rows
    features: NDArray[np.float32]
    digests: NDArray[np.int64]
    skipped: dict[int, str]


class Shards:
    """The shards of one embedding file.

    Shard i covers the same images in every run, so that batches are made up alike however often a run was stopped. A
    shard is used again only where none of its images has changed.

    Args:
        folder: where they lie; created by `opened`.
        settings: what makes vectors comparable, ready for JSON: source, backbone, precision, batch size.
        source: the images.
        rows: the rows of `source` to embed.
        size: images a shard.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], source: ImageSource, rows: Rows, size: int) -> None:
        self._folder, self._settings = folder, settings
        self._source, self._rows, self._size = source, rows, size
        self._stamps = [self._stamp(number) for number in range(-(-len(rows) // size))]

    def __len__(self) -> int:
        """Number of images (n)."""
        return len(self._rows)

    @property
    def listing(self) -> str:
        """Hexadecimal hash of all images' names and stamps."""
        return hashlib.blake2b("".join(self._stamps).encode(), digest_size=16).hexdigest()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for this process; remove it with everything in it where the context ends without an error.

        Raises:
            UserError: another process holds it, or it has the work of other settings.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / ".lock", timeout=0):
                self._check_settings()
                yield
        except Timeout:
            raise UserError(f"{self._folder}: another process is at work on it") from None
        shutil.rmtree(self._folder)

    def rows(self, number: int) -> Rows:
        """The rows of the source that shard `number` covers."""
        return self._rows[number * self._size : (number + 1) * self._size]

    def missing(self) -> list[int]:
        """The shards that are still to be made."""
        return [number for number in range(len(self._stamps)) if self._stored_stamp(number) != self._stamps[number]]

    def save(self, number: int, shard: Shard) -> None:
        """Store shard `number`, whole or not at all."""
        with replacing(self._path(number)) as file:
            np.savez(
                file,
                stamp=np.array(self._stamps[number]),
                rows=shard.rows,
                digests=shard.digests,
                skipped=np.array(json.dumps(shard.skipped)),
                features=shard.features,
            )

    def load(self) -> Iterator[Shard]:
        """All shards in order, one in memory at a time."""
        for number in range(len(self._stamps)):
            with opened_archive(self._path(number)) as stored:
                yield Shard(
                    rows=stored.read("rows"),
                    features=stored.read("features"),
                    digests=stored.read("digests"),
                    skipped={int(row): why for row, why in json.loads(str(stored.read("skipped"))).items()},
                )

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"

    def _stamp(self, number: int) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for row in self.rows(number):
            digest.update(self._source.stamp(int(row)).encode(errors="surrogateescape") + b"\n")
        return digest.hexdigest()

    def _stored_stamp(self, number: int) -> str | None:
        path = self._path(number)
        if not path.exists():
            return None
        try:
            with opened_archive(path) as stored:
                return str(stored.read("stamp"))
        except (UserError, KeyError):  # a damaged file is as good as none
            return None

    def _check_settings(self) -> None:
        path = self._folder / "settings.json"
        settings = json.dumps(self._settings, indent=1, sort_keys=True)
        if not path.exists():
            write_atomically(path, settings)
            return
        try:
            earlier = json.loads(read_regular(path))
        except ValueError:
            earlier = {}
        key = first_difference(earlier, json.loads(settings))
        if key is not None:
            raise UserError(
                f"{self._folder}: holds an unfinished run with another {key}; choose another --out, or --restart "
                f"deletes it"
            )


def first_difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first key of `now` whose value is another in `earlier`, with both values; None where there is none."""
    for key, value in now.items():
        if earlier.get(key) != value:
            was = earlier.get(key, "nothing")
            return key if isinstance(value, dict) else f"{key} ({was} then, {value} now)"
    return None
