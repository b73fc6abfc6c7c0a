"""What a test run left by query, by radius and by bit: ``evaluations/<data set>/<method>-<bits>-<index>.npz``."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hasher.arrays import opened_archive
from hasher.errors import UserError
from hasher.retrieval.metrics import ADDED, BY_QUERY, METRICS, REAL_VALUED_ARRAY

#: The arrays by name; `study.work.runs` says what is in them.
Arrays = dict[str, np.ndarray]

#: Arrays of one length, the first of each of which says it.
_BY_QUERY = ("query_index", *(metric.array for name, metric in METRICS.items() if name not in ADDED))
_BY_QUERY_LATER = tuple(BY_QUERY[name].array for name in ADDED)  #: that older studies lack
_BY_CUTOFF = ("cutoffs", "precision_at_n", "map_at_cutoffs")
#: What rankings by codes have beside; rankings by vectors have none of it.
_BY_RADIUS = ("precision_by_radius", "recall_by_radius")
_BY_BIT = ("bit_balance", "bit_correlation")


def to_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file's content."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_evaluation(path: Path) -> Arrays:
    """Read such a file. Raises `UserError` where it is damaged: cut short, or an array missing or of another size."""
    try:
        with opened_archive(path) as archive:
            arrays = {key: archive.read(key) for key in archive.keys}
    except Exception:  # zipfile, zlib and numpy each raise their own, in words that nobody could act on
        raise UserError(f"{path}: a damaged evaluation: not a readable .npz file") from None
    problem = next(_problems(arrays), None)
    if problem:
        raise UserError(f"{path}: a damaged evaluation: {problem}")
    return arrays


def _problems(arrays: Arrays) -> Iterator[str]:
    of_codes = any(name in arrays for name in (*_BY_RADIUS, *_BY_BIT))
    for name in (*_BY_QUERY, *_BY_CUTOFF, *((*_BY_RADIUS, *_BY_BIT) if of_codes else ())):
        if name not in arrays:
            yield f"no array {name}"
    for name, values in arrays.items():
        if values.dtype.kind not in "iuf" or values.ndim != (2 if name == "bit_correlation" else 1):
            yield f"{name} holds {values.dtype} of shape {values.shape}, expected a row of numbers"
    by_query = (*_BY_QUERY, *(name for name in (*_BY_QUERY_LATER, REAL_VALUED_ARRAY) if name in arrays))
    for group in (by_query, _BY_CUTOFF, *((_BY_RADIUS, _BY_BIT) if of_codes else ())):
        for name in group[1:]:
            if len(arrays[name]) != len(arrays[group[0]]):
                yield f"{name} has {len(arrays[name])} values, {group[0]} {len(arrays[group[0]])}"
