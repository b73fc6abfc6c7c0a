"""The work of an unfinished run, in a folder beside the file it will become."""

from __future__ import annotations

import hashlib
import io
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
from hasher.files import read_regular, write_atomically
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


@dataclass(frozen=True, eq=False)
class Part:
    """The images that one shard covers.

    Attributes:
        number: of the shard.
        rows: rows of the source.
        stamp: of these images, see `stamp_of`.
    """

    number: int
    rows: Rows
    stamp: str

    def packed(self, shard: Shard) -> bytes:
        """The content of the file that keeps `shard`, which is of these images."""
        content = io.BytesIO()
        np.savez(
            content,
            stamp=np.array(self.stamp),
            rows=shard.rows,
            digests=shard.digests,
            skipped=np.array(json.dumps(shard.skipped)),
            features=shard.features,
        )
        return content.getvalue()


def stamp_of(source: ImageSource, rows: Rows) -> str:
    """Hexadecimal hash that changes when one of the images does, found without reading them."""
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(source.stamp(int(row)).encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()


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
        cut = (rows[start : start + size] for start in range(0, len(rows), size))
        self._parts = [Part(number, some, stamp_of(source, some)) for number, some in enumerate(cut)]

    def __len__(self) -> int:
        """Number of images (n)."""
        return sum(len(part.rows) for part in self._parts)

    @property
    def listing(self) -> str:
        """Hexadecimal hash of all images' names and stamps."""
        return hashlib.blake2b("".join(part.stamp for part in self._parts).encode(), digest_size=16).hexdigest()

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

    def missing(self) -> list[Part]:
        """What is still to be made."""
        return [part for part in self._parts if self._stored_stamp(part.number) != part.stamp]

    def save(self, part: Part, content: bytes) -> None:
        """Store what `Part.packed` gave, whole or not at all."""
        write_atomically(self._path(part.number), content)

    def load(self) -> Iterator[Shard]:
        """All shards in order, one in memory at a time."""
        for part in self._parts:
            with opened_archive(self._path(part.number)) as stored:
                yield Shard(
                    rows=stored.read("rows"),
                    features=stored.read("features"),
                    digests=stored.read("digests"),
                    skipped={int(row): why for row, why in json.loads(str(stored.read("skipped"))).items()},
                )

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"

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
