"""`HammingIndex` beside faiss's own exact search: the same items at the same distances, and in what time.

One million codes, 1,000 queries, 10 and 100 results, codes of 64 bits and of 60, which do not fill their last byte.
Both sides get packed codes and search in turns; the ratio is the median over rounds. Items and distances must be equal,
ties included, and those of the first queries also those that a count of differing bits gives. Building an index and
writing and reading its file are timed as well. Run ``python benchmarks/hamming_search.py``.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import faiss
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from hasher.search.index import HammingIndex

ITEMS, QUERIES, CHECKED = 1_000_000, 1_000, 20
CASES = [(64, 10), (64, 100), (60, 10), (60, 100)]


def random_codes(seed: int, count: int, bits: int) -> NDArray[np.uint8]:
    """Packed codes around 2,000 centres, so that neighbours are near."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(bits).random((2_000, bits)) < 0.5
    flipped = rng.random((count, bits)) < 0.15
    return np.packbits(centres[rng.integers(0, len(centres), count)] ^ flipped, axis=1)


def brute_force(packed: NDArray[np.uint8], queries: NDArray[np.uint8], k: int) -> tuple[NDArray, NDArray]:
    """Items and distances, ties in the order of the items."""
    distances = np.stack([np.bitwise_count(packed ^ query).sum(axis=1, dtype=np.int32) for query in queries])
    items = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return items, np.take_along_axis(distances, items, axis=1)


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def main() -> None:
    """Print one row for every length of codes and number of results."""
    parser = argparse.ArgumentParser(description="Exact Hamming search.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    faiss.omp_set_num_threads(given.threads)
    table = Table(title=f"{QUERIES:,} queries in {ITEMS:,} codes, {given.threads} threads")
    for heading in ("bits", "k", "faiss", "ours", "ratio", "equal", "build", "save", "look"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for bits, k in CASES:
            table.add_row(*measure(bits, k, given.rounds, Path(folder) / "codes.faiss"))
    Console().print(table)


def measure(bits: int, k: int, rounds: int, path: Path) -> list[str]:
    """The cells of one row."""
    packed, queries = random_codes(0, ITEMS, bits), random_codes(1, QUERIES, bits)
    bare = faiss.IndexBinaryFlat(8 * packed.shape[1])
    bare.add(packed)
    build = seconds(lambda: HammingIndex.of_packed(packed, bits))
    save = seconds(lambda: HammingIndex.of_packed(packed, bits).save(path, "benchmark")) - build
    known = seconds(lambda: HammingIndex.of_packed(packed, bits).is_kept_in(path, "benchmark")) - build
    index = HammingIndex.of_packed(packed, bits)
    distances, items = bare.search(queries, k)
    found = index.search_packed(queries, k)
    checked_items, checked_distances = brute_force(packed, queries[:CHECKED], k)
    equal = (
        np.array_equal(found.items, items)
        and np.array_equal(found.distances, distances)
        and np.array_equal(found.items[:CHECKED], checked_items)
        and np.array_equal(found.distances[:CHECKED], checked_distances)
    )
    times = [
        (seconds(lambda: bare.search(queries, k)), seconds(lambda: index.search_packed(queries, k)))
        for _ in range(rounds)
    ]
    theirs, ours = (median(column) for column in zip(*times, strict=True))
    ratio = median(own / their for their, own in times)
    return [
        str(bits), str(k), f"{theirs:.2f} s", f"{ours:.2f} s", f"{ratio:.2f}", "yes" if equal else "NO",
        f"{1e3 * build:.0f} ms", f"{1e3 * save:.0f} ms", f"{1e3 * known:.0f} ms",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
