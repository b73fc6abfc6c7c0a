"""Which hyperparameters decide a method's score: Optuna's importances, computed from the records alone.

This is the one method by which effects of hyperparameters are told; slices, sweeps and parallel coordinates are
pictures of the same trials.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial
from scipy import stats

from analysis.statistics.paired import ALPHA
from analysis.statistics.shuffles import EFFECTS, corrected
from study.plan.dimensions import Dimension, distributions
from study.plan.spec import StudySpec

EVALUATOR = "PED-ANOVA"

#: Complete trials below which an importance would be noise.
FEWEST_TRIALS = 15
#: PED-ANOVA compares the best trials with all; below five of them its authors do not trust it.
BEST_TRIALS = 5
#: As few as can show an effect at the level `EFFECTS`, for each takes as long as the importances themselves.
SHUFFLES = round(1 / EFFECTS) - 1


@dataclass(frozen=True)
class Importance:
    """One hyperparameter of one method.

    Attributes:
        share: of the importances of the method, which sum to 1.
        by_chance: the share above which an effect is shown, corrected for the number of importances.
        adjusted: the p-value of "no effect", corrected likewise.
        together: hyperparameters that may have the effect instead: over these trials they varied with this one, and
            they are important too.
    """

    share: float
    by_chance: float
    adjusted: float
    together: tuple[str, ...]

    @property
    def shown(self) -> bool:
        return self.adjusted <= EFFECTS


@dataclass(frozen=True)
class Importances:
    """Those of a method, the largest first. `quantile` is the share of its trials that count as the best."""

    method: str
    trials: int
    quantile: float
    of: dict[str, Importance]


@dataclass(frozen=True, eq=False)
class _Measured:
    """Importances of a method before anything is said of them; `shuffled` is (shuffles, hyperparameters)."""

    method: str
    names: list[str]
    positions: NDArray[np.float64]  #: (trials, hyperparameters): values, or places of choices
    quantile: float
    observed: NDArray[np.float64]
    shuffled: NDArray[np.float64]


def importances(spec: StudySpec, methods: Sequence[str], complete: pd.DataFrame) -> list[Importances]:
    """Importances of each method over all its code lengths; left out where trials or hyperparameters are too few.

    `complete` are complete trials of one data set with their ``shortfall`` (score less the best of its cell), which is
    what is explained: it makes trials of different code lengths comparable, so that they can be pooled. Scores are
    shuffled within cells, so that a cell that differs from others in its scores and in what was sampled in it is no
    effect. The correction is over all importances of all methods.
    """
    measured = [one for method in methods if (one := _measured(spec, method, complete)) is not None]
    if not measured:
        return []
    found = corrected(np.concatenate([one.observed for one in measured]), np.hstack([one.shuffled for one in measured]))
    ends = np.cumsum([len(one.names) for one in measured])[:-1]
    parts = [np.split(values, ends) for values in (found.adjusted, found.alone, found.thresholds)]
    return [_importances(one, *(part[place] for part in parts)) for place, one in enumerate(measured)]


def _importances(
    one: _Measured, adjusted: NDArray[np.float64], alone: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> Importances:
    total = float(one.observed.sum()) or 1.0
    varied = _varied_together(one.positions)
    found = {}
    for place in np.argsort(-one.observed, kind="stable"):
        others = np.flatnonzero(varied[place] & (alone < ALPHA))
        together = tuple(one.names[other] for other in others if other != place)
        found[one.names[place]] = Importance(
            float(one.observed[place]) / total, float(thresholds[place]) / total, float(adjusted[place]), together
        )
    return Importances(one.method, len(one.positions), one.quantile, found)


def _varied_together(positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs of hyperparameters that are rank-correlated over the trials, by tests that are not corrected: to overlook
    one would be to claim too much."""
    count = positions.shape[1]
    found = np.zeros((count, count), dtype=bool)
    for first in range(count):
        for second in range(first):
            if np.ptp(positions[:, first]) > 0 and np.ptp(positions[:, second]) > 0:
                p_value = float(stats.spearmanr(positions[:, first], positions[:, second]).pvalue)
                found[first, second] = found[second, first] = p_value < ALPHA
    return found


def _measured(spec: StudySpec, method: str, complete: pd.DataFrame) -> _Measured | None:
    space = {name: one for name, one in spec.space_for(method).items() if not one.distribution.single()}
    trials = complete[complete["method"] == method]
    if len(trials) < FEWEST_TRIALS or len(space) < 2 or trials["shortfall"].nunique() < 2:
        return None
    params = [_params(space, row) for row in trials.to_dict("records")]
    scores, cells = trials["shortfall"].to_numpy(float), trials["bits"].to_numpy()
    quantile = max(0.1, BEST_TRIALS / len(trials))
    names = list(space)
    with _quiet():
        study = _study(space, params)
        rng = np.random.default_rng(0)
        orders = [scores, *(_within(cells, scores, rng) for _ in range(SHUFFLES))]
        values = np.array([_divergences(study, names, quantile, one) for one in orders])
    positions = np.array([[_position(space[name], one[name]) for name in names] for one in params])
    return _Measured(method, names, positions, quantile, values[0], values[1:])


def _within(cells: NDArray[Any], scores: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The scores in another order, each in its own cell."""
    shuffled = scores.copy()
    for cell in np.unique(cells):
        shuffled[cells == cell] = rng.permutation(scores[cells == cell])
    return shuffled


def _position(dimension: Dimension, value: Any) -> float:
    """A value as a number whose rank tells the order: itself, or the place of a choice."""
    return float((dimension.choices or []).index(value)) if dimension.type == "categorical" else float(value)


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


def _study(space: dict[str, Dimension], params: list[dict[str, Any]]) -> optuna.Study:
    """A vessel for trials; their scores are given to the evaluator anew for each order."""
    known = distributions(space)
    study = optuna.create_study(direction="minimize")
    study.add_trials([create_trial(params=one, distributions=known, value=0.0) for one in params])
    return study


def _divergences(
    study: optuna.Study, names: list[str], quantile: float, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far the best trials lie apart from all, a number a hyperparameter."""
    evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
    found = get_param_importances(
        study, evaluator=evaluator, params=names, target=lambda trial: -float(scores[trial.number]), normalize=False
    )
    return np.array([found[name] for name in names])


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna says on the console that it made a study, which here is only a vessel, and warns that it takes low values
    for good ones, which it is given."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
