"""What each graph filter costs: time of a full training step beside that of a step with `gcn`.

A step is what a study runs: graph of the mini-batch, forward with the filter applied to features and as a matrix, loss,
backward, Adam. Embeddings are few-dimensional (64), so that the linear layers hide little of the filter. Filters
take turns, and the ratio is the median over rounds of a filter's step by the `gcn` step of the same round, which is
steady on a busy machine. Run ``python benchmarks/filters.py [--rounds N] [--threads N …] [--widths N …]``.
"""

import argparse
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.started import started
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.training.loop import GradientTraining

BATCH, DIMENSIONS, CLASSES = 256, 64, 10
WARM_UP = 5
#: The most a step may cost, in steps with `gcn`, for the filters and orders that have a limit.
LIMIT = 3.0
LIMITED = [("chebyshev", 4), ("lanczos", 4), ("spline", 8), ("fourier", 16)]
OTHERS = [("none", None), ("chebyshev", 8), ("lanczos", 8), ("spline", 12), ("fourier", 32)]


def clustered_embeddings() -> torch.Tensor:
    """One mini-batch (BATCH, DIMENSIONS) of overlapping classes, whose graph is neither regular nor split in parts."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(CLASSES, DIMENSIONS, generator=generator)
    return centres[torch.arange(BATCH) % CLASSES] + torch.randn(BATCH, DIMENSIONS, generator=generator)


def trainer(name: str, order: int | None, width: int, features: torch.Tensor) -> GradientTraining:
    """A hasher whose epoch is one step on `features`."""
    config = HAGCNConfig.parse(
        {"filter": name, "filter_order": order, "ae_width": width, "batch_size": BATCH}, where="benchmark"
    )
    return started(config, features.numpy())


def measure(width: int, threads: int, rounds: int) -> Table:
    """Median milliseconds of a step and ratio to `gcn`, for every filter."""
    features = clustered_embeddings()
    cases = [("gcn", None), *LIMITED, *OTHERS]
    seconds: dict[tuple[str, int | None], list[float]] = {case: [] for case in cases}
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        trainers = {case: trainer(*case, width, features) for case in cases}
        for step in range(WARM_UP + rounds):
            for case in cases:
                elapsed = trainers[case].run_epoch().seconds
                if step >= WARM_UP:
                    seconds[case].append(elapsed)
    table = Table(title=f"batch {BATCH}, width {width}, {DIMENSIONS}-d embeddings, {threads} thread(s)")
    for heading in ("method", "order", "ms per step", "ratio to gcn", f"at most {LIMIT:g}"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for case in cases:
        ratio = median(own / gcn for own, gcn in zip(seconds[case], seconds["gcn", None], strict=True))
        verdict = ("yes" if ratio <= LIMIT else "NO") if case in LIMITED else ""
        name, order = case
        table.add_row(name, str(order or ""), f"{1000 * median(seconds[case]):.1f}", f"{ratio:.2f}", verdict)
    return table


def main() -> None:
    """Print one table for every width and number of threads."""
    parser = argparse.ArgumentParser(description="Time of a training step by graph filter.")
    parser.add_argument("--rounds", type=int, default=40, help="measured steps of each filter")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 256])
    arguments = parser.parse_args()
    for width in arguments.widths:
        for threads in arguments.threads:
            Console().print(measure(width, threads, arguments.rounds))


if __name__ == "__main__":
    main()
