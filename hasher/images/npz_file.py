"""The finished embedding file, written without ever holding it in memory."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.arrays import opened_archive
from hasher.errors import UserError
from hasher.files import replacing
from hasher.images.groups import joined, named_items
from hasher.images.shards import Shard, Shards
from hasher.images.sources import UNLABELLED, ImageSource, Rows
from hasher.json_text import parsed

#: Items whose strings are in memory together.
CHUNK = 4096

#: The date of every member, the earliest a zip file knows: equal content makes equal files.
NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Summary:
    """All shards without their vectors: 25 bytes an image.

    Attributes:
        rows: int64 (n,), rows of the source that have a vector.
        digests: int64 (n,), equal for images of equal pixels.
        width: values of a vector (d).
        skipped: rows of the source without a vector, with the reason.
        kept: bool (n,), False for an unlabelled copy of a test query: training on it is training on the query.
        groups: int64, one of each kept image, equal for copies and for images of one item; None where the source has an
            official split, which is not for groups to change.
    """

    rows: Rows
    digests: NDArray[np.int64]
    width: int
    skipped: dict[int, str]
    kept: NDArray[np.bool_]
    groups: NDArray[np.int64] | None

    @classmethod
    def of(cls, shards: Iterable[Shard], source: ImageSource, item: re.Pattern[str] | None) -> Summary:
        """The summary of all shards; `item` finds the name of the item that an image shows in the image's path.

        Raises `UserError` where no image can be used or vectors differ in width.
        """
        rows, digests, widths, skipped = [], [], set(), {}
        for shard in shards:
            rows.append(shard.rows)
            digests.append(shard.digests)
            skipped.update(shard.skipped)
            if len(shard.rows):
                widths.add(shard.features.shape[1])
        where = source.about["source"]
        if not widths:
            row, reason = next(iter(skipped.items()))
            raise UserError(
                f"{where}: none of the {len(skipped)} images can be used, the first: {source.path(row)}: {reason}"
            )
        if len(widths) > 1:
            raise UserError(
                f"--backbone: vectors of {' and '.join(map(str, sorted(widths)))} values, expected one width"
            )
        all_rows, all_digests = np.concatenate(rows), np.concatenate(digests)
        kept = _kept(all_rows, all_digests, source)
        groups = None if source.is_query is not None else _groups(all_rows, all_digests, source, item)
        return cls(all_rows, all_digests, widths.pop(), skipped, kept, groups)

    @property
    def kept_rows(self) -> Rows:
        """Rows of the source that the file holds."""
        return self.rows[self.kept]

    def copies_of_queries(self, source: ImageSource) -> int:
        """How many images that are no queries are copies of an official one."""
        if source.is_query is None:
            return 0
        is_query, digests = source.is_query[self.kept_rows], self.digests[self.kept]
        return int(np.isin(digests[~is_query], digests[is_query]).sum())


def _kept(rows: Rows, digests: NDArray[np.int64], source: ImageSource) -> NDArray[np.bool_]:
    if source.is_query is None:
        return np.ones(len(rows), dtype=bool)
    return ~((source.labels[rows] == UNLABELLED) & np.isin(digests, digests[source.is_query[rows]]))


def _groups(
    rows: Rows, digests: NDArray[np.int64], source: ImageSource, item: re.Pattern[str] | None
) -> NDArray[np.int64]:
    if item is None:
        return joined(digests)
    return joined(digests, named_items((source.path(int(row)) for row in rows), item))


def write_npz(path: Path, source: ImageSource, summary: Summary, shards: Shards, about: Mapping[str, Any]) -> None:
    """Write the file that `hasher.data.formats.npz` reads, with the JSON text of `about` beside what that needs.

    Groups keep copies, and images of one item, on one side of every split.
    """
    rows = summary.kept_rows
    names = [*source.class_names, ""]
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        _write(archive, "about", np.array(json.dumps(about, indent=1, ensure_ascii=False)))
        _write_strings(
            archive, "labels", len(rows), lambda start, stop: [names[i] for i in source.labels[rows[start:stop]]]
        )
        _write_strings(archive, "paths", len(rows), lambda start, stop: [source.path(int(i)) for i in rows[start:stop]])
        if source.is_query is not None and source.is_query[rows].any():
            _write(archive, "is_query", source.is_query[rows])
        if summary.groups is not None:
            _write(archive, "groups", summary.groups)
        shape = (len(rows), summary.width)
        _write_parts(archive, "features", np.dtype("<f4"), shape, _features(summary, shards), zipfile.ZIP_STORED)


def _features(summary: Summary, shards: Shards) -> Iterator[NDArray[np.float32]]:
    start = 0
    for shard in shards.load():
        kept = summary.kept[start : start + len(shard.rows)]
        start += len(shard.rows)
        if kept.any():
            yield shard.features[kept]


def _write_strings(archive: zipfile.ZipFile, key: str, count: int, part: Callable[[int, int], list[str]]) -> None:
    """Strings of numpy's fixed width, the width found in a first pass; `part` gives those of a range of items."""
    ranges = [(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    width = max(max(map(len, part(start, stop))) for start, stop in ranges)
    dtype = np.dtype(f"<U{max(width, 1)}")
    parts = (np.array(part(start, stop), dtype=dtype) for start, stop in ranges)
    _write_parts(archive, key, dtype, (count,), parts, zipfile.ZIP_DEFLATED)


def _write(archive: zipfile.ZipFile, key: str, array: NDArray[Any]) -> None:
    _write_parts(archive, key, array.dtype, array.shape, [array], zipfile.ZIP_DEFLATED)


def _write_parts(
    archive: zipfile.ZipFile,
    key: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    parts: Iterable[NDArray[Any]],
    compression: int,
) -> None:
    """One array of the archive, as numpy stores it, from its parts along the first axis."""
    member = zipfile.ZipInfo(f"{key}.npy", NO_DATE)
    member.compress_type = compression
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(np.ascontiguousarray(part, dtype=dtype).tobytes())


def read_about(path: Path) -> dict[str, Any] | None:
    """What an embedding file says of itself; None where it says nothing or is no such file."""
    try:
        with opened_archive(path) as archive:
            about = parsed(str(archive.read("about")))
    except (UserError, KeyError, ValueError):
        return None
    return about if isinstance(about, dict) else None
