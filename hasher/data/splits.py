"""Which items are trained on, which form the database and which are queries: deterministic, stratified, by group."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hasher.data.embedding_set import EmbeddingSet
from hasher.data.units import Units, stratified_order
from hasher.errors import UserError, first_error

Rows = NDArray[np.int64]

#: Most queries held out where the configuration names no number.
DEFAULT_QUERIES = 1000

#: What a random stream is for. Each has its own, so that one number can change without moving the other selections.
TEST, DATABASE, VALIDATION = 0, 1, 2


class SplitConfig(BaseModel):
    """How many items each part of a split gets.

    None takes the official test split whole, or else a sixth of the labelled items and at most 1000; a sixth of what is
    left, at most 1000, for validation; and no limit on the database. Such a default never takes more than half of the
    items that could be queries.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="decides every selection")
    test_queries: int | None = Field(None, ge=1, description="queries held out for replicates and baselines")
    validation_queries: int | None = Field(None, ge=1, description="queries that score the trials of a search")
    max_database: int | None = Field(
        None, ge=2, description="labelled items kept besides the test queries; a smaller data set is left whole"
    )

    @classmethod
    def parse(cls, values: dict[str, Any], where: str) -> "SplitConfig":
        """Validate `values`; `where` (a file, a command) opens the message of the `UserError` for wrong ones."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise UserError(f"{where}: {first_error(error)}") from None


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of an `EmbeddingSet`, each array ascending.

    Attributes:
        train: items trained on, unlabelled ones included.
        database: items searched, the labelled ones of `train`.
        queries: labelled items searched for; disjoint from `train`, every class among them is in `database`.
    """

    train: Rows
    database: Rows
    queries: Rows


@dataclass(frozen=True, eq=False)
class Splits:
    """The two splits of a study.

    Attributes:
        config: what they were drawn with.
        search: validation queries against everything that is neither test nor validation; what a trial sees.
        final: test queries against everything that is not test; what a replicate and a baseline see.
    """

    config: SplitConfig
    search: Split
    final: Split


def make_splits(dataset: EmbeddingSet, config: SplitConfig) -> Splits:
    """Hold out test queries, thin the rest to `max_database`, and hold out validation queries from that.

    - Queries are drawn in proportion to the classes, and a class always keeps a labelled item in the database.
    - The items of a group move together. So that a group is never torn, a few more queries than asked for may be held
      out (at most the last group's size less one), and unlabelled members of a group held out belong to no part.
    - An official test split is never trained on, nor searched, not even the part a smaller `test_queries` leaves out.
      Official queries of a class that the database lacks are left out with a warning.
    - Thinning keeps exactly `max_database` labelled items, at least one of each test query's class, and the same share
      of the unlabelled ones.

    The test queries depend on the data set, `seed` and `test_queries` alone.

    Raises:
        UserError: more queries than can be held out, a `max_database` too small for the test queries' classes, or a
            group with items on both sides of the official split. Such a group is refused, not moved: moving it would
            change either the official test set or what it may be compared with.
    """
    test, pool = _hold_out_test(dataset, config)
    pool = _thin(dataset, config, pool, np.unique(dataset.labels[test]))
    final = Split(train=pool, database=_labelled(dataset, pool), queries=test)
    rng = _rng(config, VALIDATION)
    validation, rest = _hold_out(dataset, pool, "validation_queries", config.validation_queries, rng)
    search = Split(train=rest, database=_labelled(dataset, rest), queries=validation)
    return Splits(config, search=search, final=final)


def _rng(config: SplitConfig, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(purpose,)))


def _labelled(dataset: EmbeddingSet, rows: Rows) -> Rows:
    return rows[dataset.labels[rows] >= 0]


def _hold_out_test(dataset: EmbeddingSet, config: SplitConfig) -> tuple[Rows, Rows]:
    """Test queries, and everything that is on the other side of the test split."""
    rng = _rng(config, TEST)
    if dataset.is_query is None:
        return _hold_out(dataset, np.arange(len(dataset)), "test_queries", config.test_queries, rng)
    _refuse_torn_groups(dataset)
    pool = np.flatnonzero(~dataset.is_query)
    official = np.flatnonzero(dataset.is_query)
    findable = official[np.isin(dataset.labels[official], dataset.labels[pool])]
    if len(findable) == 0:
        raise UserError(f"{dataset.name}: is_query: no test query has an item of its class among the others")
    if len(findable) < len(official):
        warnings.warn(
            f"{dataset.name}: {len(official) - len(findable)} official test queries left out, "
            f"the database has no item of their class",
            stacklevel=3,
        )
    wanted = len(findable) if config.test_queries is None else config.test_queries
    if wanted > len(findable):
        raise UserError(_too_many(dataset, "test_queries", wanted, len(findable)))
    chosen = stratified_order(dataset.labels[findable], rng)[:wanted]
    return np.sort(findable[chosen]), pool


def _hold_out(
    dataset: EmbeddingSet, pool: Rows, field: str, wanted: int | None, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Whole units of `pool` until they hold `wanted` queries: (queries, the rest of the pool)."""
    units = Units.of(dataset.labels[pool], None if dataset.groups is None else dataset.groups[pool])
    taken, queries_so_far = units.take_leaving_every_class(stratified_order(units.classes, rng))
    possible = int(queries_so_far[-1]) if len(queries_so_far) else 0
    if wanted is None:
        sixth = (len(_labelled(dataset, pool)) + 3) // 6  # n / 6, halves rounded up
        wanted = max(1, min(sixth, DEFAULT_QUERIES, possible // 2))
    if wanted > possible:
        raise UserError(_too_many(dataset, field, wanted, possible))
    taken = taken[: int(np.searchsorted(queries_so_far, wanted)) + 1]
    held_out = np.isin(units.unit_of_item, taken)
    return _labelled(dataset, pool[held_out]), pool[~held_out]


def _thin(dataset: EmbeddingSet, config: SplitConfig, pool: Rows, needed: NDArray[np.int64]) -> Rows:
    """`pool` with `max_database` of its labelled items and the same share of the others."""
    labelled = _labelled(dataset, pool)
    size = config.max_database
    if size is None or size >= len(labelled):
        return pool
    if size < len(needed):
        raise UserError(
            f"{dataset.name}: max_database: {size} items cannot hold one of each class that has test queries; "
            f"at least {len(needed)}"
        )
    rng = _rng(config, DATABASE)
    order = stratified_order(dataset.labels[labelled], rng)
    _, first_of_class = np.unique(dataset.labels[labelled][order], return_index=True)
    first_of_class = first_of_class[np.isin(dataset.labels[labelled][order][first_of_class], needed)]
    order = np.concatenate([order[first_of_class], np.delete(order, first_of_class)])
    unlabelled = pool[dataset.labels[pool] < 0]
    share = (len(unlabelled) * size + len(labelled) // 2) // len(labelled)
    return np.sort(np.concatenate([labelled[order[:size]], rng.permutation(unlabelled)[:share]]))


def _refuse_torn_groups(dataset: EmbeddingSet) -> None:
    if dataset.groups is None or dataset.is_query is None:
        return
    grouped = dataset.groups >= 0
    torn = np.intersect1d(dataset.groups[grouped & dataset.is_query], dataset.groups[grouped & ~dataset.is_query])
    if len(torn):
        member = dataset.groups == torn[0]
        inside = dataset.describe_item(np.flatnonzero(member & dataset.is_query)[0])
        outside = dataset.describe_item(np.flatnonzero(member & ~dataset.is_query)[0])
        raise UserError(
            f"{dataset.source or dataset.name}: groups: {inside} is a test query (is_query) and {outside} of the same "
            f"group is not; a group belongs on one side"
        )


def _too_many(dataset: EmbeddingSet, field: str, wanted: int, possible: int) -> str:
    if possible == 0:
        return (
            f"{dataset.name}: {field}: none can be held out, because no class would keep a labelled item in the "
            f"database; a class needs two items that are not of one group, and a third to be tested and validated"
        )
    return (
        f"{dataset.name}: {field}: {wanted} cannot be held out with an item of each class left in the database; "
        f"at most {possible}"
    )
