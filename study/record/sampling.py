"""Optuna's samplers and pruners as a search space names them."""

import time
from pathlib import Path

from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, get_storage
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from hasher.errors import UserError
from study.plan.spec import PrunerSpec, SamplerSpec
from study.record.journal import DamagedJournalError, StudyJournal
from study.record.study_folder import without_password

#: Seconds to wait for another driver that creates the tables of a new database, again and again.
_PATIENCE = (0.2, 0.5, 1.0, 2.0)


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


def _open_database(url: str) -> BaseStorage:
    try:
        for seconds in _PATIENCE:
            try:
                return get_storage(url)
            except (IntegrityError, OperationalError, ProgrammingError) as error:
                if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                    raise
                time.sleep(seconds)  # another driver creates the tables at this moment
        return get_storage(url)
    except (SQLAlchemyError, ImportError, RuntimeError, ValueError, OSError) as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UserError(f"--storage {without_password(url)}: cannot be opened ({why})") from None


def open_storage(url: str) -> BaseStorage:
    """Any storage Optuna knows by URL; anything else is the path of a journal file.

    Raises `UserError` for a database that cannot be opened, and for a journal with a damaged record in its midst.
    """
    if "://" in url:
        return _open_database(url)
    try:
        return StudyJournal(Path(url))
    except DamagedJournalError as error:
        raise UserError(f"{url}: a record of this journal is damaged ({error}), restore it from a copy") from None
