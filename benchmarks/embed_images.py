"""How fast `python -m hasher embed` is without a model to wait for, and whether its memory grows with the images.

Makes folders of 96 × 96 pictures (JPEG, the size of STL-10's) and embeds each as 768 raw pixels in its own process:
what is left is reading, decoding, hashing and writing. Run ``python benchmarks/embed_images.py 2000 20000``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
SIDE, CLASSES, WIDTH = 96, 10, 768


def make_images(root: Path, count: int) -> None:
    """`count` pictures in ten classes: blurred noise, so that they compress about as photographs do."""
    rng = np.random.default_rng(0)
    for number in range(count):
        folder = root / str(number % CLASSES)
        folder.mkdir(parents=True, exist_ok=True)
        noise = Image.fromarray(rng.integers(0, 256, (SIDE // 6, SIDE // 6, 3), np.uint8))
        noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{number:07d}.jpg", quality=90)


def embed(source: Path, out: Path) -> tuple[float, float]:
    """Seconds and the peak of resident memory (MiB) of the command."""
    words = ["-m", "hasher", "embed", str(source), "--backbone", "hasher.images.pixels:colour_16", "--out", str(out)]
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"error: the command ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="+", type=int, metavar="IMAGES")
    print("| images | vectors (MiB) | seconds | images/s | peak memory (MiB) |\n|---:|---:|---:|---:|---:|")
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as folder:
            make_images(Path(folder) / "images", count)
            seconds, peak = embed(Path(folder) / "images", Path(folder) / "out.npz")
        size = count * WIDTH * 4 / 2**20
        print(f"| {count:,} | {size:.0f} | {seconds:.1f} | {count / seconds:.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
