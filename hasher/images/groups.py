"""Which images belong together: copies, and those whose names say so."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hasher.errors import UserError


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression that finds an image's item in its path. Raises `UserError` for one that is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"--group {pattern}: not a regular expression ({error})") from None


def named_items(paths: Iterable[str], pattern: re.Pattern[str]) -> NDArray[np.int64]:
    """A number for each path: equal where `pattern` finds the same, -1 where it finds nothing.

    What it finds is the text of its groups ``(…)``, or of the whole match where it has none.
    """
    numbers: dict[str, int] = {}
    return np.array([_number(pattern.search(path), numbers) for path in paths], dtype=np.int64)


def _number(match: re.Match[str] | None, numbers: dict[str, int]) -> int:
    if match is None:
        return -1
    found = "\0".join(part or "" for part in match.groups()) if match.re.groups else match[0]
    return numbers.setdefault(found, len(numbers))


def joined(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (n,): images that share any of the `keys` have the same number, an image on its own has -1.

    Each of `keys` is int64 (n,); a negative key is shared with nobody. Sharing is passed on: where a shares with b and
    b with c, all three are one group.
    """
    count = len(keys[0])
    ends, starts, nodes = [], [], count
    for key in keys:
        known = np.flatnonzero(key >= 0)
        _, places = np.unique(key[known], return_inverse=True)
        starts.append(known)
        ends.append(places + nodes)
        nodes += len(known)
    rows, columns = np.concatenate(starts), np.concatenate(ends)
    edges = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    _, first, places, sizes = np.unique(component[:count], return_index=True, return_inverse=True, return_counts=True)
    return np.where(sizes > 1, first, -1)[places].astype(np.int64)
