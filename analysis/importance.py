"""Which hyperparameters decide a method's score: Optuna's importances, computed from the records alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from study.plan.dimensions import Dimension, distributions
from study.plan.spec import StudySpec

EVALUATOR = "PED-ANOVA"

#: Complete trials below which an importance would be noise.
FEWEST_TRIALS = 15
#: PED-ANOVA compares the best trials with all; below five of them its authors do not trust it.
BEST_TRIALS = 5
SHUFFLES = 20


@dataclass(frozen=True)
class Importances:
    """Shares of each hyperparameter of one method, summing to 1, the largest first.

    `by_chance` is the share that a hyperparameter reaches in 1 of 20 shuffles of the same trials' scores: one that is
    no larger says nothing. `quantile` is the share of trials that count as the best.
    """

    method: str
    trials: int
    quantile: float
    shares: dict[str, float]
    by_chance: dict[str, float]


def importances(spec: StudySpec, method: str, complete: pd.DataFrame) -> Importances | None:
    """Importances of a method over all its code lengths; None where there are too few trials or hyperparameters.

    `complete` are complete trials of one data set with their ``shortfall`` (score less the best of its cell), which is
    what is explained: it makes trials of different code lengths comparable, so that they can be pooled.
    """
    space = {name: one for name, one in spec.space_for(method).items() if not one.distribution.single()}
    trials = complete[complete["method"] == method]
    if len(trials) < FEWEST_TRIALS or len(space) < 2 or trials["shortfall"].nunique() < 2:
        return None
    params = [_params(space, row) for row in trials.to_dict("records")]
    scores = trials["shortfall"].to_numpy(float)
    quantile = max(0.1, BEST_TRIALS / len(trials))
    shares = _shares(space, params, scores, quantile)
    rng = np.random.default_rng(0)
    shuffled = [_shares(space, params, rng.permutation(scores), quantile) for _ in range(SHUFFLES)]
    by_chance = {name: float(np.quantile([one[name] for one in shuffled], 0.95)) for name in shares}
    return Importances(method, len(trials), quantile, shares, by_chance)


def _params(space: dict[str, Dimension], row: dict[Any, Any]) -> dict[str, Any]:
    return {name: as_sampled(dimension, row[name]) for name, dimension in space.items()}


def as_sampled(dimension: Dimension, stored: Any) -> Any:
    """A value as it was sampled, from what a CSV file made of it (256.0 for 256, the last digit rounded)."""
    if dimension.type == "categorical":
        choices = dimension.choices or []
        return next((c for c in choices if c == stored or str(c) == str(stored)), stored)
    low, high = dimension.low or 0.0, dimension.high or 0.0
    value = min(max(float(stored), low), high)
    return int(value) if dimension.type == "int" else value


def _shares(
    space: dict[str, Dimension], params: list[dict[str, Any]], scores: np.ndarray, quantile: float
) -> dict[str, float]:
    known = distributions(space)
    with _quiet():
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            [create_trial(params=p, distributions=known, value=s) for p, s in zip(params, scores, strict=True)]
        )
        evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
        return get_param_importances(study, evaluator=evaluator)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says on the console that it made a study, which here is only a vessel."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
