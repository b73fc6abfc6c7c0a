"""What trainings side by side gain: R of one configuration, by seeds, as one stacked model and one after the other.

An epoch of both in turn, and the ratio is the median over rounds, of times on the wall and of times of the processor,
which say the same unless the machine has other things to do. `differ` is the largest difference of a loss and of a
weight of the encoder after all of these epochs, which are the same ones by the same seeds. `used` is what
`hasher.training.side_by_side.pays` decides.

    python -m benchmarks.side_by_side [--seeds 5] [--rounds 5] [--device cpu] [--filters gcn chebyshev]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from hasher.contract import EpochResult
from hasher.data import load_dataset
from hasher.methods.registry import find_method
from hasher.training.loop import GradientTraining, resolve_device
from hasher.training.side_by_side import SideBySide, pays

#: Embedding width, AE width and mini-batch: those of digits first, then of small and of large pretrained models.
SIZES = (
    (64, 64, 256),
    (64, 128, 128),
    (64, 128, 256),
    (64, 256, 256),
    (768, 128, 256),
    (64, 512, 256),
    (768, 512, 256),
)
ITEMS, BITS, CLASSES = 1_024, 32, 10


class Times(NamedTuple):
    """Seconds."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Size:
    """What is trained."""

    width: int  #: d
    ae_width: int  #: w
    batch: int  #: n

    def __str__(self) -> str:
        return f"{self.width}-d, width {self.ae_width}, batch {self.batch}"


def trainings(filter_name: str, size: Size, seeds: int, device: torch.device) -> list[GradientTraining]:
    """One for each seed, before the first epoch."""
    dataset = load_dataset(f"gaussian:{CLASSES}:{size.width}:{ITEMS}")
    method = find_method(filter_name)
    config = method.configure({"bits": BITS, "ae_width": size.ae_width, "batch_size": size.batch, "epochs": 1_000})
    begun = [method.start(config, dataset.features, seed, device) for seed in range(seeds)]
    return [each for each in begun if isinstance(each, GradientTraining)]


def timed(run: Callable[[], list[EpochResult]], device: torch.device) -> tuple[list[EpochResult], Times]:
    """What it gives, and how long it takes."""
    began = perf_counter(), process_time()
    results = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return results, Times(perf_counter() - began[0], process_time() - began[1])


def difference(some: list[GradientTraining], others: list[GradientTraining]) -> float:
    """The largest between the encoders' weights."""
    pairs = [
        (one, other)
        for this, that in zip(some, others, strict=True)
        for one, other in zip(this.encoder.parameters(), that.encoder.parameters(), strict=True)
    ]
    return max((one - other).abs().max().item() for one, other in pairs)


def measure(filter_name: str, size: Size, given: argparse.Namespace) -> list[str]:
    """The cells of one row."""
    device = resolve_device(given.device)
    alone, stacked = (trainings(filter_name, size, given.seeds, device) for _ in range(2))
    together = SideBySide(stacked)
    pairs, losses = [], 0.0
    for _ in range(given.rounds + 1):
        separate, one = timed(lambda: [each.run_epoch() for each in alone], device)
        joint, other = timed(together.run_epoch, device)
        pairs.append((one, other))
        values = [(a.losses["loss"], b.losses["loss"]) for a, b in zip(separate, joint, strict=True)]
        losses = max([losses, *(abs(a - b) for a, b in values)])
    steps = -(-ITEMS // size.batch)
    timed_pairs = pairs[1:]  # the first epoch also loads and compiles
    milliseconds = (1000 * median(each.wall for each in column) / steps for column in zip(*timed_pairs, strict=True))
    ratios = (median(one[i] / other[i] for one, other in timed_pairs) for i in range(2))
    return [
        filter_name, str(size), *(f"{each:.1f}" for each in milliseconds), *(f"{each:.2f}" for each in ratios),
        f"{losses:.0e}, {difference(alone, stacked):.0e}", "yes" if pays(stacked) else "no",
    ]  # fmt: skip


def main() -> None:
    """Print a row for every filter and size."""
    parser = argparse.ArgumentParser(description="Trainings side by side.")
    parser.add_argument("--seeds", type=int, default=5, help="trainings that are run side by side")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of both that are timed")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--filters", nargs="+", default=["gcn", "fourier"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(title=f"{given.seeds} trainings on {given.device}, one thread, {BITS} bits, {given.rounds} epochs")
    for heading in ("filter", "size", "ms a step: apart", "side by side", "gain", "by processor", "differ", "used"):
        table.add_column(heading, justify="left" if heading in ("filter", "size") else "right")
    with threadpool_limits(1):
        for name in given.filters:
            for size in SIZES:
                table.add_row(*measure(name, Size(*size), given))
    Console().print(table)


if __name__ == "__main__":
    main()
