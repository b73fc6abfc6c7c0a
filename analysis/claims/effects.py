"""Which hyperparameters are shown to have an effect, by the one method that says so."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.importance import EVALUATOR, FEWEST_TRIALS, SHUFFLES, Importances
from analysis.names import label
from analysis.statistics.shuffles import EFFECTS
from analysis.wording import counted, hyperparameter, listed


def effects(found: Sequence[Importances], left_out: Sequence[str]) -> str:
    """The effects that are shown, how they were tested, and the methods that have too few trials."""
    shown = {label(one.method): _of(one) for one in found}
    told = [f"{listed(names)} for {name}" for name, names in shown.items() if names]
    tested = sum(len(one.of) for one in found)
    says = f"shown to have an effect: {'; '.join(told)}" if told else "no hyperparameter is shown to have an effect"
    missing = f" Not computed for {listed([*map(label, left_out)])}: {too_few()}." if left_out else ""
    return (
        f"By Optuna's {EVALUATOR} {says}. It measures how far the best {_quantiles(found)} of {_trials(found)} a "
        f"method, all code lengths together, lie apart from all; shown is what is above the black tick, which one of "
        f"the {counted(tested, 'importance')} passes in {EFFECTS:.1%} of shuffles of the scores ({SHUFFLES} were "
        f"made).{missing}"
    )


def too_few() -> str:
    """Why there is no importance."""
    return f"fewer than {FEWEST_TRIALS} complete trials that differ in score, or fewer than two hyperparameters"


def _of(one: Importances) -> list[str]:
    """The hyperparameters of a method that are told, those that cannot be told apart together."""
    told: list[str] = []
    done: set[str] = set()
    for name, importance in one.of.items():
        if not importance.shown or name in done:
            continue
        done |= {name, *importance.together}
        others = [hyperparameter(other) for other in importance.together]
        either = f" (or {listed(others)}, which varied with it)" if others else ""
        told.append(f"{hyperparameter(name)}{either}")
    return told


def _quantiles(found: Sequence[Importances]) -> str:
    quantiles = sorted({round(100 * one.quantile) for one in found})
    return f"{quantiles[0]}%" if len(quantiles) == 1 else f"{quantiles[0]} to {quantiles[-1]}%"


def _trials(found: Sequence[Importances]) -> str:
    fewest, most = min(one.trials for one in found), max(one.trials for one in found)
    return counted(most, "complete trial") if fewest == most else f"{fewest} to {most} complete trials"
