"""How long a folder of .npy files takes to load, the first time and from its cache, beside a bare parallel read.

The bare reads use the same pool of threads: one only reads the bytes of every file, the other calls `numpy.load`. The
first load lists the folder, reads, checks and converts every vector, and writes the cache; a later load lists the
folder, looks at every file's size and times, and checks the cache's content. Repetitions alternate, medians are shown.
With ``--cold`` the files' pages are dropped from memory before each reading (their names and sizes are not).
Run ``python benchmarks/folder_loader.py``.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from hasher.data import EmbeddingSet, load_dataset
from hasher.data.cache import SETTLED_SECONDS
from hasher.data.folder import FILES_PER_TASK

CLASSES = 100


def make_folder(root: Path, count: int, width: int) -> list[str]:
    """Write `count` random float32 vectors into `CLASSES` folders; their paths in the order of the loader."""
    rng = np.random.default_rng(0)
    for name in range(CLASSES):
        (root / f"{name:03}").mkdir(parents=True)
    paths = [str(root / f"{number % CLASSES:03}" / f"{number:08}.npy") for number in range(count)]
    for path in paths:
        np.save(path, rng.standard_normal(width, dtype=np.float32))
    os.sync()
    time.sleep(SETTLED_SECONDS + 0.1)  # files that have just changed are not cached
    return sorted(paths)


def read_bytes(path: str) -> None:
    """One bare read."""
    with open(path, "rb") as file:  # noqa: PTH123 - the fastest way is what is measured
        file.read()


def bare(paths: list[str], read: Callable[[str], object]) -> None:
    """Call `read` on every path from a pool of threads, in blocks as large as the loader's."""

    def block(start: int) -> None:
        for path in paths[start : start + FILES_PER_TASK]:
            read(path)

    with ThreadPoolExecutor() as pool:
        list(pool.map(block, range(0, len(paths), FILES_PER_TASK)))


def forget(paths: list[str]) -> None:
    """Drop the files' pages from memory."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Make a folder, measure, change a file, and clean up."""
    parser = argparse.ArgumentParser(description="Folder loader and its cache beside a bare parallel read.")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root, data_dir = Path(scratch) / "vectors", Path(scratch) / "data"
        made = time.perf_counter()
        paths = make_folder(root, given.files, given.width)
        print(f"{given.files:,} files of {given.width} float32, made in {time.perf_counter() - made:.0f} s")

        def load() -> EmbeddingSet:
            return load_dataset(str(root), data_dir)

        timings: dict[str, list[float]] = {}
        runs = {
            "bytes alone": lambda: bare(paths, read_bytes),
            "numpy.load": lambda: bare(paths, lambda path: np.load(path, allow_pickle=False)),
            "first load": load,
            "later load": load,
        }
        for _ in range(given.repetitions):
            shutil.rmtree(data_dir, ignore_errors=True)
            for name, run in runs.items():
                if given.cold:
                    forget([*paths, *map(str, data_dir.rglob("*.safetensors"))])
                timings.setdefault(name, []).append(seconds(run))
        bytes_alone, numpy_load, first, later = (median(timings[name]) for name in runs)
        for name in runs:
            print(f"{name:>12}  {median(timings[name]):8.3f} s  ({min(timings[name]):.3f} to {max(timings[name]):.3f})")
        print(f"first load / bytes alone {first / bytes_alone:.2f}, / numpy.load {first / numpy_load:.2f}")
        print(f"first load / later load {first / later:.1f}")

        before = load().fingerprint
        details = Path(paths[-1]).stat()
        np.save(paths[-1], np.zeros(given.width, dtype=np.float32))
        os.utime(paths[-1], ns=(details.st_atime_ns, details.st_mtime_ns))
        again = load()
        assert again.fingerprint != before and not again.features[-1].any()
        print("a file changed to one of the same size, its time set back: read anew")


if __name__ == "__main__":
    main()
