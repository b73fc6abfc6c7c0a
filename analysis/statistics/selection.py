"""What choosing by the best validation score does: its optimism, and how far the order of methods hangs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DRAWS = 4000


@dataclass(frozen=True)
class Optimism:
    """How much lower a winner scores with fresh seeds on the test queries than in the search that chose it.

    Attributes:
        search: the winner's validation score.
        fresh: mean test score of its replicates.
        gap: `search` minus `fresh`. It holds three things that one study cannot tell apart: the luck of the best of
            many trials; validation queries being easier or harder than test queries; and replicates training on
            more items.
        replicate_sd: standard deviation of the replicates, what `gap` is to be read against; NaN from fewer than two.
    """

    search: float
    fresh: float
    gap: float
    replicate_sd: float


def optimism(search: float, replicates: NDArray[np.float64]) -> Optimism:
    """The optimism of one cell's selection from its winner's validation score and its replicates' test scores."""
    fresh = float(replicates.mean())
    spread = float(replicates.std(ddof=1)) if len(replicates) > 1 else float("nan")
    return Optimism(search, fresh, search - fresh, spread)


@dataclass(frozen=True)
class OrderStability:
    """How the order of methods at one code length hangs on the number of trials.

    "Order" is that of the methods' best validation scores. Everything is about halves of the trials that were run,
    chosen at random and without regard to when they ran; a sampler that learns would have used a study of half the
    length differently.

    Attributes:
        methods: those compared, best first with all trials.
        changes: probability that the order is another one with half of every method's trials.
        best_changes: probability that another method is best.
        agreement: mean rank correlation (Kendall's tau-b) with the order from all trials.
        first_half_agreement: tau-b of the order from all trials with that after the first half of them in time.
        test_agreement: tau-b of the order from all trials with that of the replicates' mean test scores; NaN with fewer
            than two methods tested.
    """

    methods: tuple[str, ...]
    changes: float
    best_changes: float
    agreement: float
    first_half_agreement: float
    test_agreement: float


def order_stability(
    trials: Mapping[str, NDArray[np.float64]], tested: Mapping[str, float], draws: int = DRAWS, seed: int = 0
) -> OrderStability | None:
    """Resample half of the trials of every method and choose winners again.

    Args:
        trials: validation score of each method's ended trials in the order they were started, NaN for one that is not
            complete: it counts as a trial, as it did in the search, and cannot win. Half of n trials is n // 2, at
            least one. A method left without a complete trial comes last.
        tested: mean test score of the methods that have one.

    Returns None where fewer than two methods have a complete trial.
    """
    scores = {name: np.where(np.isnan(values), -np.inf, values) for name, values in trials.items()}
    whole = {name: values.max() for name, values in scores.items() if len(values) and np.isfinite(values.max())}
    if len(whole) < 2:
        return None
    methods = sorted(whole, key=lambda name: -whole[name])
    rng = np.random.default_rng(seed)
    best = np.column_stack([_best_of_half(scores[name], draws, rng) for name in methods])
    # Stable, on scores laid out in the order from all trials: equal scores (-inf) change nothing.
    orders = np.argsort(-best, axis=1, kind="stable")
    in_place = np.arange(len(methods))
    first_half = [scores[name][: max(1, len(scores[name]) // 2)].max() for name in methods]
    both = [name for name in methods if name in tested and np.isfinite(tested[name])]
    return OrderStability(
        methods=tuple(methods),
        changes=float((orders != in_place).any(axis=1).mean()),
        best_changes=float((orders[:, 0] != 0).mean()),
        agreement=_mean_agreement(orders),
        first_half_agreement=_tau([whole[name] for name in methods], first_half),
        test_agreement=_tau([whole[name] for name in both], [tested[name] for name in both]),
    )


def _best_of_half(scores: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The best score in each of `draws` random halves, (draws,)."""
    order = rng.permuted(np.tile(np.arange(len(scores)), (draws, 1)), axis=1)
    return np.asarray(scores[order[:, : max(1, len(scores) // 2)]].max(axis=1))


def _mean_agreement(orders: NDArray[np.int64]) -> float:
    """Mean tau of the orders, (draws, n) permutations, with 0, 1, 2, …: the share of pairs in that order less that of
    the others."""
    places = np.argsort(orders, axis=1)
    first, second = np.triu_indices(orders.shape[1], 1)
    return float(2 * (places[:, first] < places[:, second]).mean() - 1)


def _tau(first: Sequence[float] | NDArray[np.int64], second: Sequence[float] | NDArray[np.int64]) -> float:
    return float(stats.kendalltau(first, second).statistic) if len(first) > 1 else float("nan")
