"""A cell's Optuna study whose choices have grown: Optuna keeps the choices of a categorical for good.

Where an extension adds choices, the cell goes on in another Optuna study, ``<name>@2``, ``@3`` and so on, which begins
with the trials of the one before it under their numbers. The one before it stays in the storage as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, create_trial

#: Set on a study that has all trials of the one before it.
_WHOLE = "has the trials of"


def latest_generation(name: str, existing: Collection[str]) -> str:
    """The name under which the Optuna study `name` goes on, of those that exist."""
    return _named(name, _latest(name, existing))


def _latest(name: str, existing: Collection[str]) -> int:
    number = 1
    while _named(name, number + 1) in existing:
        number += 1
    return number


def _named(name: str, number: int) -> str:
    return name if number == 1 else f"{name}@{number}"


def fitting_generation(
    name: str, space: Mapping[str, BaseDistribution], storage: BaseStorage, existing: Collection[str]
) -> optuna.Study:
    """The Optuna study in which `name`, all of whose trials have ended, goes on with `space`: its latest generation,
    or a new one, which is given its trials. A copy that was cut off is completed first."""
    number = _latest(name, existing)
    study = optuna.load_study(study_name=_named(name, number), storage=storage)
    if number > 1 and _WHOLE not in study.user_attrs:
        _fill(study, optuna.load_study(study_name=_named(name, number - 1), storage=storage), space)
    if _fits(study, space):
        return study
    grown = optuna.create_study(study_name=_named(name, number + 1), storage=storage, direction="maximize")
    _fill(grown, study, space)
    return grown


def _fits(study: optuna.Study, space: Mapping[str, BaseDistribution]) -> bool:
    """Whether no trial has a categorical of other choices than `space`."""
    return not any(
        isinstance(kept, CategoricalDistribution) and key in space and kept != space[key]
        for trial in study.get_trials(deepcopy=False)
        for key, kept in trial.distributions.items()
    )


def _fill(study: optuna.Study, source: optuna.Study, space: Mapping[str, BaseDistribution]) -> None:
    """Give `study` what it lacks of the trials of `source`, which must all have ended."""
    for trial in source.get_trials(deepcopy=False)[len(study.get_trials(deepcopy=False)) :]:
        study.add_trial(_with_choices(trial, space))
    study.set_user_attr(_WHOLE, source.study_name)


def _with_choices(trial: FrozenTrial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    kept = trial.distributions
    grown = {key: space[key] if isinstance(one, CategoricalDistribution) else one for key, one in kept.items()}
    return create_trial(
        state=trial.state, values=trial.values, params=trial.params, distributions=grown, user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs, intermediate_values=trial.intermediate_values,
    )  # fmt: skip
