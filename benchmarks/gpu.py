"""Everything that needs a GPU, in under ten minutes: is training on it right, and what does it cost?

    python -m benchmarks.gpu [--trials 16] [--out gpu.md]

Prints a table, a row a question. On a machine without CUDA what can be asked of the CPU is asked, and the rest is
marked as not run: such a table says nothing of a GPU.

- The same losses: two epochs of every trained method on the GPU and on the CPU, from the same seed. Sums are taken in
  another order, so they agree to `TOLERANCE` and not to the last bit.
- Hidden synchronisation: how often a step makes the CPU wait for the GPU (`torch.cuda.set_sync_debug_mode`), beyond the
  one transfer of losses an epoch.
- Memory: what stays allocated after a training has been let go of.
- Mixed precision: embeddings in float16 beside float32 ones, their cosine and their speed.
- Trials an hour with 1, 2, 4, 8 and 16 trials on one GPU, by the study itself.
- Several seeds at once: five trainings as one stacked model, beside one after the other; their losses agree.
- Launch overhead: the share of a step's time in which no kernel runs.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.profiler import ProfilerActivity, profile

from hasher.contract import EpochResult, Method, TrainedConfig
from hasher.data import load_dataset
from hasher.files import write_atomically
from hasher.images.backbones import Computing
from hasher.methods.registry import find_method, methods
from hasher.training.loop import GradientTraining
from hasher.training.side_by_side import SideBySide
from study.drive.runner import run_study
from study.options import Resources, RunOptions
from study.plan.spec import StudySpec

#: Relative difference of an epoch's mean loss between devices that is taken for rounding.
TOLERANCE = 1e-3
#: Bytes that may stay: what libraries keep for themselves.
KEPT = 1 << 20
SOURCE, WIDTH, BATCH, EPOCHS = "gaussian:50:256:4096", 512, 256, 2
NOT_RUN = "not run (no CUDA here)"
SEEDS = 5
PER_GPU = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Row:
    """One line of the table; `holds` is None where nothing is asked of the figure, or it was not measured."""

    question: str
    about: str
    figure: str
    holds: bool | None = None


def trained_methods() -> list[Method]:
    """Those that are trained by gradient."""
    return [method for method in methods().values() if method.is_trained]


def begin(method: Method, device: torch.device, epochs: int = EPOCHS) -> GradientTraining:
    """A training of `method` on the benchmark's data."""
    known = set(method.hyperparameters)
    values = {"batch_size": BATCH, "ae_width": WIDTH, "batches": "random"}
    config = method.configure(
        {**{key: one for key, one in values.items() if key in known}, "bits": 32, "epochs": epochs}
    )
    assert isinstance(config, TrainedConfig)
    training = method.start(config, load_dataset(SOURCE).features, 0, device)
    assert isinstance(training, GradientTraining)
    return training


def same_losses(device: torch.device) -> Iterator[Row]:
    """The largest relative difference of the losses of two epochs."""
    for method in trained_methods():
        ours, theirs = (begin(method, one) for one in (device, torch.device("cpu")))
        worst = 0.0
        for _ in range(EPOCHS):
            mine, other = (one.run_epoch().losses["loss"] for one in (ours, theirs))
            worst = max(worst, abs(mine - other) / max(abs(other), 1e-12))
        beside = "beside the CPU" if device.type == "cuda" else "twice on the CPU"
        yield Row(f"the same losses, {beside}", method.label, f"{worst:.1e}", worst <= TOLERANCE)


def synchronisations(device: torch.device) -> Iterator[Row]:
    """Waits of a step for the GPU, by torch's own count."""
    if device.type != "cuda":
        yield Row("waits a step", "every method", NOT_RUN)
        return
    for method in trained_methods():
        training = begin(method, device)
        training.run_epoch()  # the first one compiles and allocates
        steps = -(-len(load_dataset(SOURCE)) // BATCH)
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                training.run_epoch()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        waits = sum("synchroniz" in str(one.message) for one in caught) - 1  # the losses of the epoch
        yield Row("waits a step", method.label, f"{max(0, waits) / steps:.2f}", waits <= 0)


def memory(device: torch.device) -> Iterator[Row]:
    """What a training leaves allocated when nothing holds it any more, and the most it took."""
    if device.type != "cuda":
        yield Row("memory kept after a trial", "every method", NOT_RUN)
        return
    for method in trained_methods():
        begin(method, device).run_epoch()  # what libraries keep for good
        gc.collect()
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        begin(method, device).run_epoch()
        gc.collect()
        kept, peak = torch.cuda.memory_allocated(device) - before, torch.cuda.max_memory_allocated(device)
        yield Row(
            "memory kept after a trial", method.label, f"{kept:,} bytes, peak {peak / 2**20:,.0f} MiB", kept <= KEPT
        )


def mixed_precision(device: torch.device) -> Iterator[Row]:
    """Embeddings of a convolutional network with random weights, in float16 and in float32."""
    question, about = "float16 beside float32", "256 images of 224 × 224"
    if device.type != "cuda":
        yield Row(question, about, NOT_RUN)
        return
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU()]
    for _ in range(6):
        layers += [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).to(device).eval()
    images = torch.rand(256, 3, 224, 224, device=device)
    vectors, seconds = {}, {}
    for precision in ("float32", "float16"):
        with torch.inference_mode(), Computing(device, precision).running():
            net(images)
            torch.cuda.synchronize()
            began = time.perf_counter()
            vectors[precision] = net(images).float()
            torch.cuda.synchronize()
            seconds[precision] = time.perf_counter() - began
    cosine = float(nn.functional.cosine_similarity(vectors["float32"], vectors["float16"]).min())
    times = seconds["float32"] / seconds["float16"]
    yield Row(question, about, f"least cosine {cosine:.5f}, {times:.1f} times as fast", cosine > 0.999)


def several_seeds(device: torch.device) -> Iterator[Row]:
    """Speed of `SEEDS` trainings side by side, and whether they are what they are alone."""
    for name in ("gcn", "chebyshev", "spline", "fourier"):
        first = begin(find_method(name), device, epochs=4)
        alone, stacked = ([first.with_seed(seed) for seed in range(SEEDS)] for _ in range(2))
        group, ratios, worst = SideBySide(stacked), [], 0.0
        for _ in range(4):
            one, apart = _timed(partial(_in_turn, alone), device)
            other, together = _timed(group.run_epoch, device)
            ratios.append(apart / together)
            pairs = [(a.losses["loss"], b.losses["loss"]) for a, b in zip(one, other, strict=True)]
            worst = max([worst, *(abs(a - b) / abs(a) for a, b in pairs)])
        figure = f"{median(ratios[1:]):.2f} times as fast, losses differ by {worst:.0e}"
        yield Row(f"{SEEDS} seeds at once", find_method(name).label, figure, worst < TOLERANCE)


def _in_turn(trainings: list[GradientTraining]) -> list[EpochResult]:
    return [each.run_epoch() for each in trainings]


def _timed(run: Callable[[], list[EpochResult]], device: torch.device) -> tuple[list[EpochResult], float]:
    began = time.perf_counter()
    results = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return results, time.perf_counter() - began


def launch_overhead(device: torch.device) -> Iterator[Row]:
    """The share of an epoch in which the GPU runs no kernel."""
    if device.type != "cuda":
        yield Row("share of a step without a kernel", "every method", NOT_RUN)
        return
    for method in trained_methods():
        training = begin(method, device, epochs=4)
        training.run_epoch()
        torch.cuda.synchronize()
        seconds = training.run_epoch().seconds  # without the profiler, which takes time itself
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
            training.run_epoch()
        busy = sum(event.self_device_time_total for event in found.key_averages()) / 1e6
        yield Row("share of a step without a kernel", method.label, f"{max(0.0, 1 - busy / seconds):.2f}")


def trials_an_hour(device: torch.device, trials: int) -> Iterator[Row]:
    """A study of one method with so many trials on one GPU at once; on the CPU one at a time."""
    spec = StudySpec.model_validate({
        "name": "gpu", "datasets": [SOURCE], "methods": ["gcn"], "bits": [32], "trials": trials, "replicates": 1,
        "epochs": 6, "report_every": 3, "parallel_trials": max(PER_GPU), "baselines": [],
        "fixed": {"batch_size": BATCH, "ae_width": WIDTH, "batches": "random"},
        "space": {"learning_rate": {"type": "float", "low": 0.003, "high": 0.03, "log": True}},
    })  # fmt: skip
    if device.type != "cuda":
        yield Row("trials an hour", "1 to 16 on a GPU", NOT_RUN)
        return
    for number in PER_GPU:
        with tempfile.TemporaryDirectory() as folder:
            options = RunOptions(
                runs_dir=Path(folder), resources=Resources(cpus=1, gpus=1 / number), max_concurrent=number
            )
            result = run_study(spec, options, Console(quiet=True))
        ended = result.records[result.records["kind"] == "search"]
        began = np.asarray(ended["started"], "datetime64[ms]").astype(np.int64) / 1000
        spent = (began + ended["seconds"].to_numpy(float)).max() - began.min()  # without the start of Ray
        yield Row("trials an hour", f"{number} on a GPU", f"{3600 * len(ended) / spent:,.0f}")


def table_of(rows: list[Row], where: str) -> Table:
    """All rows for the terminal."""
    table = Table(title=f"{where}; {SOURCE}, batch {BATCH}, width {WIDTH}")
    for heading in ("question", "of", "figure", "holds"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.question, row.about, row.figure, "" if row.holds is None else "yes" if row.holds else "NO")
    return table


def main() -> int:
    """The command. Exit code 1 where something does not hold."""
    parser = argparse.ArgumentParser(description="What a GPU does, and whether it does it right.")
    parser.add_argument("--trials", type=int, default=16, help="of each study whose trials an hour are counted")
    parser.add_argument("--out", type=Path, help="a Markdown file of the same table")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "no CUDA here"
    parts = (same_losses(device), synchronisations(device), memory(device), mixed_precision(device),
             several_seeds(device), launch_overhead(device), trials_an_hour(device, given.trials))  # fmt: skip
    rows = [row for part in parts for row in part]
    Console(width=120).print(table_of(rows, where))
    if given.out:
        lines = [f"| {row.question} | {row.about} | {row.figure} |" for row in rows]
        write_atomically(given.out, "\n".join([f"| {where} | of | figure |", "| --- | --- | --- |", *lines]) + "\n")
    return int(any(row.holds is False for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
