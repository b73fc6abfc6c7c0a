"""How fast vectors become codes, beside the two matrix products that this takes at the least.

One million vectors of 768 values (a ViT's), AE width 256 and 512, 64 bits. The products are those of the encoder's two
layers, on the same chunks and threads, and nothing else: no centring, no normalising, no GELU, no signs, no packing.
The two take turns, and the ratio is the median over rounds, of times on the wall and of times of the processor, which
say the same unless the machine has other things to do. Vectors are in memory (3 GB) or, with `--mapped`, in a float16
file. Run ``python benchmarks/encoding.py [--items N] [--rounds N] [--threads N] [--mapped]``.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from hasher.encoders import TwoLayerEncoder
from hasher.encoding import CHUNK, encode_packed

DIMENSIONS, BITS, WIDTHS = 768, 64, (256, 512)
#: The least speed, in that of the bare products.
LEAST = 0.5


def write_vectors(items: int, folder: Path, mapped: bool) -> NDArray[Any]:
    """Random vectors (items, DIMENSIONS), a chunk at a time."""
    rng = np.random.default_rng(0)
    vectors: NDArray[Any]
    if mapped:
        vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float16, (items, DIMENSIONS))
    else:
        vectors = np.empty((items, DIMENSIONS), np.float32)
    for start in range(0, items, CHUNK):
        vectors[start : start + CHUNK] = rng.standard_normal(vectors[start : start + CHUNK].shape, np.float32)
    return np.load(folder / "vectors.npy", mmap_mode="r") if mapped else vectors


@torch.inference_mode()
def bare_products(encoder: TwoLayerEncoder, vectors: NDArray[Any]) -> None:
    """F W1 and Z W2 for every chunk."""
    first, second = encoder.to_continuous.weight.T, encoder.to_bits.weight.T
    for start in range(0, len(vectors), CHUNK):
        chunk = np.ascontiguousarray(vectors[start : start + CHUNK], dtype=np.float32)
        torch.from_numpy(chunk) @ first @ second


class Times(NamedTuple):
    """Seconds one call took."""

    wall: float
    processor: float


def times(function: Callable[..., object], *arguments: object) -> Times:
    """How long a call takes."""
    start = perf_counter(), process_time()
    function(*arguments)
    return Times(perf_counter() - start[0], process_time() - start[1])


def measure(width: int, vectors: NDArray[Any], rounds: int) -> list[str]:
    """The cells of one row."""
    encoder = TwoLayerEncoder(torch.zeros(DIMENSIONS), width, BITS)
    bare_products(encoder, vectors[: 16 * CHUNK])
    encode_packed(encoder, vectors[: 16 * CHUNK])
    pairs = [(times(bare_products, encoder, vectors), times(encode_packed, encoder, vectors)) for _ in range(rounds)]
    products, encoding = (median(each.wall for each in column) for column in zip(*pairs, strict=True))
    ratio = median(bare.wall / own.wall for bare, own in pairs)
    processor = median(bare.processor / own.processor for bare, own in pairs)
    return [
        str(width), f"{products:.2f} s", f"{encoding:.2f} s", f"{len(vectors) / encoding:,.0f}", f"{ratio:.2f}",
        f"{processor:.2f}", "yes" if ratio >= LEAST else "NO",
    ]  # fmt: skip


def main() -> None:
    """Print one row for every AE width."""
    parser = argparse.ArgumentParser(description="Speed of encoding.")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mapped", action="store_true", help="from a float16 file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    origin = "a mapped float16 file" if given.mapped else "float32 in memory"
    table = Table(title=f"{given.items:,} × {DIMENSIONS} ({origin}) to {BITS} bits, {given.threads} thread(s)")
    for heading in ("width", "products", "encoding", "a second", "speed", "by processor", f"at least {LEAST}"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(given.threads):
        vectors = write_vectors(given.items, Path(folder), given.mapped)
        for width in WIDTHS:
            table.add_row(*measure(width, vectors, given.rounds))
    Console().print(table)


if __name__ == "__main__":
    main()
