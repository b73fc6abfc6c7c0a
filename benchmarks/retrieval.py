"""How fast `evaluate` is beside the usual loop that sorts the database for every query.

Both get the same ±1 codes (1,000 queries, 10,000 items, ten classes) and one thread. Repetitions alternate, and the
ratio is that of the medians. The loop gives one mAP that depends on the order of ties; `evaluate` gives everything in
`Retrieval`.

Then several labels an item beside one: 2,000 queries among 100,000 items, 64 bits, two threads, 80 classes, of which an
item has one, or each with the same small probability. Both give everything in `Retrieval`; the ratio is that of the
shortest times.

Run ``python benchmarks/retrieval.py``.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hasher.retrieval import evaluate, evaluate_packed, pack

QUERIES, ITEMS, CLASSES = 1_000, 10_000, 10
REPETITIONS = 15

#: The comparison of several labels with one: queries, items, bits, classes, labels an item on average, threads.
MANY_QUERIES, MANY_ITEMS, MANY_BITS, MANY_CLASSES, LABELS_AN_ITEM, THREADS = 2_000, 100_000, 64, 80, 3, 2
MANY_REPETITIONS = 7


def sort_loop_map(
    query_codes: NDArray[np.float32],
    query_labels: NDArray[np.float32],
    database_codes: NDArray[np.float32],
    database_labels: NDArray[np.float32],
) -> float:
    """Mean average precision the way it is usually written; labels are one-hot rows, as such code expects them."""
    scores = []
    for code, label in zip(query_codes, query_labels, strict=True):
        relevant = (label @ database_labels.T > 0).astype(np.float32)
        distance = 0.5 * (database_codes.shape[1] - code @ database_codes.T)
        relevant = relevant[np.argsort(distance)]
        places = np.where(relevant == 1)[0] + 1
        found = np.arange(1, len(places) + 1)
        scores.append((found / places).mean() if len(places) else 0.0)
    return float(np.mean(scores))


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def compare(bits: int) -> tuple[float, float, float, float]:
    """Median seconds of the loop and of `evaluate` on codes of `bits` bits, and the mAP each finds."""
    rng = np.random.default_rng(bits)
    labels = rng.integers(0, CLASSES, QUERIES + ITEMS)
    # A quarter of the bits follow the class, so that there is something to find.
    prototypes = rng.choice(np.array([-1, 1], np.float32), (CLASSES, bits))
    noise = rng.choice(np.array([-1, 1], np.float32), (QUERIES + ITEMS, bits))
    codes = np.where(rng.random((QUERIES + ITEMS, bits)) < 0.25, prototypes[labels], noise)
    one_hot = np.eye(CLASSES, dtype=np.float32)[labels]

    def loop() -> float:
        return sort_loop_map(codes[:QUERIES], one_hot[:QUERIES], codes[QUERIES:], one_hot[QUERIES:])

    def histogram() -> float:
        return evaluate(codes[:QUERIES], labels[:QUERIES], codes[QUERIES:], labels[QUERIES:]).map

    maps = loop(), histogram()
    timings = [(seconds(loop), seconds(histogram)) for _ in range(REPETITIONS)]
    loop_seconds, histogram_seconds = (median(column) for column in zip(*timings, strict=True))
    return loop_seconds, histogram_seconds, *maps


def several_beside_one() -> tuple[float, float]:
    """Shortest seconds of `evaluate_packed` with one label an item, and with several."""
    rng = np.random.default_rng(0)
    packed = pack(rng.random((MANY_QUERIES + MANY_ITEMS, MANY_BITS)) < 0.5)
    one = rng.integers(0, MANY_CLASSES, len(packed))
    several = rng.random((len(packed), MANY_CLASSES)) < LABELS_AN_ITEM / MANY_CLASSES

    def score(labels: NDArray) -> object:
        (queries, database), (asked, searched) = (np.split(all_of, [MANY_QUERIES]) for all_of in (packed, labels))
        return evaluate_packed(queries, asked, database, searched, MANY_BITS, threads=THREADS)

    score(one)
    timings = [(seconds(lambda: score(one)), seconds(lambda: score(several))) for _ in range(MANY_REPETITIONS)]
    of_one, of_several = zip(*timings, strict=True)
    return min(of_one), min(of_several)


def main() -> None:
    """Print one line for each code length, and one for several labels an item."""
    print(f"{QUERIES:,} queries x {ITEMS:,} items, {CLASSES} classes, one thread, medians of {REPETITIONS}")
    print(f"{'bits':>4}  {'sort loop':>10}  {'evaluate':>10}  {'ratio':>6}  {'mAP (loop)':>10}  {'mAP':>6}")
    with threadpool_limits(1):
        for bits in (32, 128):
            loop, histogram, by_loop, by_histogram = compare(bits)
            print(
                f"{bits:>4}  {1e3 * loop:>7.0f} ms  {1e3 * histogram:>7.1f} ms  {loop / histogram:>6.0f}"
                f"  {by_loop:>10.4f}  {by_histogram:>6.4f}"
            )
    one, several = several_beside_one()
    print(
        f"{MANY_QUERIES:,} queries x {MANY_ITEMS:,} items, {MANY_BITS} bits, {MANY_CLASSES} classes, {THREADS} threads,"
        f" shortest of {MANY_REPETITIONS}: one label an item {1e3 * one:.0f} ms, {LABELS_AN_ITEM} on average "
        f"{1e3 * several:.0f} ms, {several / one:.2f} times"
    )


if __name__ == "__main__":
    main()
