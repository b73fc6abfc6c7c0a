"""What the graph of all training items costs: neighbours exact and approximate, and what each filter keeps of it.

Gaussian classes of 64 dimensions stand in for embeddings; the time of exact neighbours grows with the width, the rest
does not. Run ``python benchmarks/database_graph.py 20000 50000 100000``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from hasher.data import load_dataset
from hasher.database_graph import neighbours
from hasher.filters import build_filter
from hasher.training.items import TrainingItems

CLASSES, WIDTH, K = 200, 64, 10
FILTERS = [("gcn", None), ("chebyshev", 8), ("lanczos", 8), ("spline", 8), ("fourier", 64)]


def neighbour_row(features: np.ndarray) -> str:
    """Seconds of both ways, and the share of neighbours that the approximate one finds."""
    unit = neighbours.unit_vectors(features, features.mean(axis=0))
    index = neighbours._exact(unit)
    queries = np.arange(0, len(unit), max(1, len(unit) // 5000))
    began = time.perf_counter()
    _, expected = index.search(unit[queries], K + 1)
    exact = (time.perf_counter() - began) * len(unit) / len(queries)
    began = time.perf_counter()
    _, found = neighbours._inverted_lists(unit).search(unit, K + 1)
    approximate = time.perf_counter() - began
    hits = [len(set(a) & set(b)) for a, b in zip(expected.tolist(), found[queries].tolist(), strict=True)]
    return f"{exact:.0f} (told from {len(queries):,} items) | {approximate:.0f} | {np.mean(hits) / (K + 1):.3f}"


def main() -> None:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser(description="Cost of the graph of all training items.")
    parser.add_argument("items", nargs="+", type=int)
    given = parser.parse_args()
    faiss.omp_set_num_threads(1)
    print("| items | exact, s | approximate, s | of the neighbours found |\n|---:|---:|---:|---:|")
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        os.environ["HAGCN_CACHE"] = folder
        sets = {count: load_dataset(f"gaussian:{CLASSES}:{WIDTH}:{count}").features for count in given.items}
        for count, features in sets.items():
            print(f"| {count:,} | {neighbour_row(features)} |", flush=True)
        print("\n| items | filter | seconds, the graph being there | MiB kept |\n|---:|---|---:|---:|")
        for count, features in sets.items():
            graph = TrainingItems(features).graph(K, 6.0)
            graph.reached()  # also compiles
            for name, order in FILTERS:
                began = time.perf_counter()
                arrays = build_filter(name, order).database_arrays(graph)
                seconds = time.perf_counter() - began
                size = sum(array.nbytes for array in (*arrays.of_items, *arrays.common)) / 2**20
                print(f"| {count:,} | {name} {order or ''} | {seconds:.1f} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
