"""What a training step costs beside its bare matrix products, and what a tree of neighbours costs beside its epoch.

The products are those that the step cannot do without: the linear layers forward and backward, the cosines of the
embeddings, of the filter's responses and of the codes, and the filter's own (recursion, Krylov steps, eigenvectors by
LAPACK). What is beside them is the rest of a step: sorting out neighbours, the loss, its softmax, Adam, the moving
average, Python. Both take turns, and the ratio is the median over rounds.
Run ``python benchmarks/training_step.py [--rounds N]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.started import started
from hasher.data import load_dataset
from hasher.filters import FILTERS
from hasher.graph import Graph, knn_graph, normalised_adjacency
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.model import HAGCN
from hasher.training.batches import neighbourhood_order
from hasher.training.loop import GradientTraining

BATCH, WIDTH, DIMENSIONS, BITS, STEPS, CLASSES = 256, 512, 768, 32, 8, 200
#: The most a step may cost, in its bare products; the most a tree may, in its epoch.
LIMIT, TREE_LIMIT = 1.8, 0.1
#: Items of the epoch whose tree is timed.
ITEMS = 100_000


def products(trainer: GradientTraining, config: HAGCNConfig, features: torch.Tensor) -> Callable[[], None]:
    """The bare matrix products of one step on `features` (n, d)."""
    net = trainer.model
    assert isinstance(net, HAGCN)
    n, bits = len(features), config.bits
    layers = [(net.encoder.to_continuous, False), (net.encoder.to_bits, True), (net.to_graph, True)]
    layers += [(net.decoder[0], True), (net.decoder[2], True)]  # type: ignore[list-item]
    inputs = [torch.randn(n, layer.in_features) for layer, _ in layers]
    outputs = [torch.randn(n, layer.out_features) for layer, _ in layers]
    signals, codes, square = torch.randn(n, config.ae_width), torch.randn(n, bits), torch.randn(n, n)
    unit = torch.nn.functional.normalize(net.encoder.normalise(features), dim=1)
    graph = Graph(normalised_adjacency(knn_graph(unit, config.knn_size, config.edge_power)))

    @torch.no_grad()
    def run() -> None:
        for (layer, reaches_inputs), given, gradient in zip(layers, inputs, outputs, strict=True):
            given @ layer.weight.T  # forward
            gradient.T @ given  # of the weights
            if reaches_inputs:
                gradient @ layer.weight
        unit @ unit.T  # who is near, or the target without a graph
        codes @ codes.T
        square @ codes  # and backward
        if config.filter != "none":
            net.filter.matrix(graph)
            square @ signals  # H Z
            square.T @ signals  # and backward
            square @ square.T  # the cosines of its rows

    return run


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def measure_steps(rounds: int) -> Table:
    """Median milliseconds of a step and its ratio to the bare products, for every filter."""
    dataset = load_dataset(f"gaussian:{CLASSES}:{DIMENSIONS}:{STEPS * BATCH}")
    table = Table(title=f"batch {BATCH}, width {WIDTH}, {DIMENSIONS}-d embeddings, {BITS} bits, one thread")
    for heading in ("filter", "graph", "ms a step", "ms of its products", "ratio", f"at most {LIMIT:g}"):
        table.add_column(heading, justify="left" if heading in ("method", "graph") else "right")
    for name in FILTERS:
        config = HAGCNConfig.parse(
            {"filter": name, "bits": BITS, "ae_width": WIDTH, "batch_size": BATCH, "epochs": 10_000}, "benchmark"
        )
        trainer = started(config, dataset.features)
        bare = products(trainer, config, torch.from_numpy(np.array(dataset.features[:BATCH])))
        for _ in range(2):  # the first steps also load and compile
            trainer.run_epoch(), bare()
        pairs = [(trainer.run_epoch().seconds / STEPS, median(timed(bare) for _ in range(3))) for _ in range(rounds)]
        step, product = (1000 * median(column) for column in zip(*pairs, strict=True))
        ratio = median(one / other for one, other in pairs)
        table.add_row(
            name, config.graph, f"{step:.1f}", f"{product:.1f}", f"{ratio:.2f}", "yes" if ratio <= LIMIT else "NO"
        )
    return table


def measure_tree() -> str:
    """An epoch's tree beside the epoch's training, at `ITEMS` items, told from some of its steps."""
    features = torch.randn(ITEMS, DIMENSIONS, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    neighbourhood_order(features[:100], 8, generator)  # compiles
    tree = median(timed(lambda: neighbourhood_order(features, 16, generator)) for _ in range(3))
    config = HAGCNConfig.parse(
        {"filter": "gcn", "ae_width": WIDTH, "batch_size": BATCH, "batches": "random", "epochs": 10_000}, "benchmark"
    )
    trainer = started(config, features[: STEPS * BATCH].numpy())
    trainer.run_epoch()
    epoch = median(trainer.run_epoch().seconds for _ in range(5)) / (STEPS * BATCH) * ITEMS
    share = tree / epoch
    return (
        f"{ITEMS:,} × {DIMENSIONS}: a tree (leaves of 16) takes {tree:.2f} s, the training of its epoch {epoch:.1f} s: "
        f"{share:.3f}, at most {TREE_LIMIT:g}: {'yes' if share <= TREE_LIMIT else 'NO'}"
    )


def main() -> None:
    """Print the table of steps and the line of the tree."""
    parser = argparse.ArgumentParser(description="Time of a training step beside its bare matrix products.")
    parser.add_argument("--rounds", type=int, default=15, help="epochs of each filter that are timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        Console().print(measure_steps(arguments.rounds))
        print(measure_tree())


if __name__ == "__main__":
    main()
