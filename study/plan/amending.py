"""What may change of a study that has been begun, so that what it has found so far still counts."""

from __future__ import annotations

from collections.abc import Iterator

from hasher.errors import UserError
from study.plan.dimensions import Dimension
from study.plan.spec import StudySpec, differences

#: Keys that decide what a result is: another value makes another study. Of `sampler` it is all but `repeats`.
_SETTLED = ("name", "seed", "split_seed", "objective", "k", "parallel_trials", "report_every", "trial_time_limit")
#: Numbers that may grow.
_GROWING = ("trials", "replicates", "epochs")


def amendment_of(old: StudySpec, new: StudySpec, where: str) -> list[str]:
    """What `new` changes of the study `old` at `where`, one line a value, as `differences` says it.

    More `trials`, `replicates`, `epochs`, `sampler.repeats`, `bits`, `methods`, `baselines` and `datasets`, wider
    ranges of `space` and more of them, `first_trials` for the trials that are added, another `pruner`. Raises
    `UserError` for anything else, naming each.
    """
    wrong = list(_refused(old, new))
    if wrong:
        raise UserError(
            f"{where}: cannot be extended so; choose another --name, or undo what differs:\n  " + "\n  ".join(wrong)
        )
    return differences(old, new)


def is_extension(old: StudySpec, new: StudySpec) -> bool:
    """Whether `amendment_of` takes it."""
    return next(_refused(old, new), None) is None


def _refused(old: StudySpec, new: StudySpec) -> Iterator[str]:
    for key in _SETTLED:
        if getattr(old, key) != getattr(new, key):
            yield f"{key}: {getattr(old, key)} → {getattr(new, key)}, which decides every result"
    for key in _GROWING:
        before, after = getattr(old, key), getattr(new, key)
        if before is not None and after is not None and after < before:
            yield f"{key}: {before} → {after}, it can only grow"
    if old.sampler.model_dump(exclude={"repeats"}) != new.sampler.model_dump(exclude={"repeats"}):
        yield f"sampler: {old.sampler} → {new.sampler}, what was sampled would not have been"
    if new.sampler.repeats < old.sampler.repeats:
        yield f"sampler.repeats: {old.sampler.repeats} → {new.sampler.repeats}, it can only grow"
    for length in old.bits:
        if length not in new.bits:
            yield f"bits: {length} is missing"
    now = {dataset.name: dataset for dataset in new.datasets}
    for dataset in old.datasets:
        if now.get(dataset.name) != dataset:
            yield f"datasets: {dataset.name} {'has other limits' if dataset.name in now else 'is missing'}"
    for key in ("methods", "baselines"):
        for name in getattr(old, key):
            if name not in getattr(new, key):
                yield f"{key}: {name} is missing"
    for name in old.baselines:
        if name not in old.methods and name in new.methods:
            yield f"methods: {name} is a baseline of this study, tested without a search"
    for name in (name for name in old.all_methods if name in new.all_methods):
        yield from _refused_of(old, new, name)


def _refused_of(old: StudySpec, new: StudySpec, method: str) -> Iterator[str]:
    """Changes of what was fixed, sampled or given for a method that the study has."""
    if old.fixed_for(method) != new.fixed_for(method):
        yield f"fixed: {old.fixed_for(method)} → {new.fixed_for(method)} for {method}, with which its trials were run"
    before, after = old.space_for(method), new.space_for(method)
    for key, dimension in before.items():
        if key not in after:
            yield f"space.{key}: no longer sampled for {method}"
        elif not _is_within(dimension, after[key]):
            yield f"space.{key}: narrower for {method}, or of another kind"
    if old.sampler.name == "grid" and old.grid_for(method) != new.grid_for(method):
        yield f"space: a grid of other points for {method}; the order of a grid is part of the study"
    told = range(old.trials_of(method))
    if any(old.first_for(method, index) != new.first_for(method, index) for index in told):
        yield f"first_trials: others for trials that {method} has"


def _is_within(old: Dimension, new: Dimension) -> bool:
    """Whether `new` takes every value that `old` does, on the same scale."""
    if (old.type, old.log, old.step) != (new.type, new.log, new.step):
        return False
    return all(new.contains(value) for value in old.extremes)
