"""Optuna's samplers and pruners as a search space names them."""

from pathlib import Path

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage

from hasher.errors import UserError
from study.plan.spec import PrunerSpec, SamplerSpec
from study.record.database import open_database
from study.record.journal import DamagedJournalError, StudyJournal


def make_sampler(spec: SamplerSpec, seed: int) -> BaseSampler:
    """A sampler for one suggestion. A grid needs none: its points are enqueued (and nothing is left to sample)."""
    if spec.name == "tpe":
        return TPESampler(n_startup_trials=spec.startup_trials, seed=seed)
    if spec.name == "gp":
        return GPSampler(n_startup_trials=spec.startup_trials, seed=seed, deterministic_objective=False)
    return RandomSampler(seed=seed)


def make_pruner(spec: PrunerSpec, epochs: int) -> BasePruner:
    """The pruner of one cell; its steps are epochs."""
    if spec.name == "median":
        return MedianPruner(n_startup_trials=spec.startup_trials, n_warmup_steps=spec.warmup_epochs)
    if spec.name == "successive_halving":
        return SuccessiveHalvingPruner(min_resource=max(1, spec.warmup_epochs), reduction_factor=3)
    if spec.name == "hyperband":
        return HyperbandPruner(min_resource=max(1, spec.warmup_epochs), max_resource=epochs, reduction_factor=3)
    return NopPruner()


def open_storage(url: str) -> BaseStorage:
    """Any storage Optuna knows by URL; anything else is the path of a journal file.

    Raises `UserError` for a database that cannot be opened, and for a journal with a damaged record in its midst.
    """
    if "://" in url:
        return open_database(url)
    try:
        return StudyJournal(Path(url))
    except DamagedJournalError as error:
        raise UserError(f"{url}: a record of this journal is damaged ({error}), restore it from a copy") from None
