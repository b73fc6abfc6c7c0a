"""Do the intervals cover and the tests hold their error rate? Simulated studies whose truth is known.

Scores are drawn as mean + seed + query + noise with the mean 0: an interval should hold 0 in 95% of studies, and a
test should call 0 different in 5%. What a test sees is a difference of two methods, which is symmetric where they are
equally good, however skewed each is; an interval of one method has no such luck. Beside them what ordinary tests and
the percentile bootstrap do. Run ``python benchmarks/interval_coverage.py [--studies N]``; 2000 studies a row take some
minutes.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from analysis.per_query import PerQuery
from analysis.statistics.column import compare_rows
from analysis.statistics.intervals import bootstrap_interval, bootstrap_means
from analysis.statistics.paired import ALPHA, paired_test

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Values]


@dataclass(frozen=True)
class Layout:
    """What varies in the simulated studies: numbers and standard deviations."""

    seeds: int
    queries: int
    seed: float
    query: float
    noise: float

    def draw(self, rng: np.random.Generator, draw: Draw) -> Values:
        """One study's (seeds, queries) values, with mean 0 in expectation."""
        by_seed, by_query = draw(rng, (self.seeds, 1)), draw(rng, (1, self.queries))
        return self.seed * by_seed + self.query * by_query + self.noise * draw(rng, (self.seeds, self.queries))


LAYOUTS = [
    Layout(5, 300, 0.00, 1.0, 0.3),
    Layout(5, 300, 0.13, 1.0, 0.3),
    Layout(5, 300, 0.30, 1.0, 0.3),
    Layout(5, 300, 0.10, 0.0, 1.0),
    Layout(5, 300, 0.00, 0.0, 1.0),
    Layout(3, 300, 0.13, 1.0, 0.3),
    Layout(3, 300, 0.30, 0.5, 0.3),
    Layout(10, 300, 0.13, 1.0, 0.3),
    Layout(5, 30, 0.30, 1.0, 0.3),
]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    return rng.standard_normal(shape)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    """Exponential, centred: standard deviation 1, skewness 2."""
    return rng.exponential(size=shape) - 1


def symmetric(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    """Difference of two such draws, as between two methods that are equally good: heavy tails and no skewness."""
    return rng.laplace(scale=np.sqrt(0.5), size=shape)


SHAPES: dict[str, Draw] = {"normal": normal, "symmetric": symmetric, "skewed": skewed}


def rates(layout: Layout, draw: Draw, studies: int) -> list[float]:
    """False claims of four tests, then coverage of two intervals."""
    rng = np.random.default_rng(0)
    found = np.zeros((studies, 6))
    for row in found:
        values = layout.draw(rng, draw)
        over_queries = stats.ttest_1samp(values.mean(axis=0), 0).pvalue
        over_seeds = stats.ttest_1samp(values.mean(axis=1), 0).pvalue
        row[:4] = [paired_test(values).p_value, over_queries, over_seeds, max(over_queries, over_seeds)]
        interval = bootstrap_interval(values, resamples=400)
        low, high = np.quantile(bootstrap_means(values, 400), [0.025, 0.975])
        row[4:] = [interval.low < 0 < interval.high, low < 0 < high]
    return [*(found[:, :4] < ALPHA).mean(axis=0), *found[:, 4:].mean(axis=0)]


def family_error(methods: int, studies: int) -> float:
    """Share of columns without any difference in which a row is called different from the best."""
    rng = np.random.default_rng(1)
    shared, own = Layout(5, 300, 0.1, 1.0, 0.0), Layout(5, 300, 0.05, 0.3, 0.2)
    claims = 0
    for _ in range(studies):
        common = shared.draw(rng, normal)
        rows = {
            str(i): PerQuery(common + own.draw(rng, normal), np.arange(5), np.arange(300), False)
            for i in range(methods)
        }
        column = compare_rows({name: float(row.values.mean()) for name, row in rows.items()}, rows)
        claims += len(column.tied) < methods - 1
    return claims / studies


def main() -> None:
    """Print a row for each layout and shape, and the error of whole columns."""
    parser = argparse.ArgumentParser(description="Coverage and error rates in simulated studies.")
    parser.add_argument("--studies", type=int, default=2000, metavar="N", help="simulated studies a row")
    studies = parser.parse_args().studies
    table = Table(title=f"False claims at 5% and coverage at 95%, {studies} studies a row")
    for heading in (
        "seeds", "queries", "sd of seed", "sd of query", "sd of noise", "shape", "two-way test", "t, queries",
        "t, seeds", "larger of both", "interval", "percentiles",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for layout in LAYOUTS:
        for name, draw in SHAPES.items():
            described = [str(layout.seeds), str(layout.queries), *map(str, (layout.seed, layout.query, layout.noise))]
            table.add_row(*described, name, *(f"{rate:.3f}" for rate in rates(layout, draw, studies)))
    console = Console(width=150)
    console.print(table)
    for methods in (3, 6):
        error = family_error(methods, studies // 10)
        console.print(
            f"{methods} equal rows: one is called different from the best in {error:.3f} of {studies // 10} columns"
        )


if __name__ == "__main__":
    main()
