"""Which items are trained on, which form the database and which are queries: deterministic, stratified, by group."""

import warnings
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hasher.data.embedding_set import EmbeddingSet
from hasher.data.units import Units, rarest_first, stratified_order
from hasher.errors import UserError, first_error
from hasher.labels import has_any_of, item_classes

Rows = NDArray[np.int64]

#: Most queries held out where the configuration names no number.
DEFAULT_QUERIES = 1000

#: What a random stream is for. Each has its own, so that one number can change without moving the other selections.
TEST, DATABASE, VALIDATION, TRAINING, CLASSES = range(5)

#: A number of classes, or a share of them.
UnseenClasses = Annotated[int, Field(ge=2, strict=True)] | Annotated[float, Field(gt=0, lt=1)]


class SplitConfig(BaseModel):
    """How many items each part of a split gets.

    None takes the official test split whole, or else a sixth of the labelled items and at most 1000; a sixth of what is
    left, at most 1000, for validation; and no limit on the database. Such a default never takes more than half of the
    items that could be queries. The other two are None for the usual split, whose whole database is trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="decides every selection")
    test_queries: int | None = Field(None, ge=1, description="queries held out for replicates and baselines")
    validation_queries: int | None = Field(None, ge=1, description="queries that score the trials of a search")
    max_database: int | None = Field(
        None, ge=2, description="labelled items kept besides the test queries; a smaller data set is left whole"
    )
    max_training: int | None = Field(
        None, ge=2, description="labelled items trained on, drawn from the database, all of which is searched"
    )
    unseen_classes: UnseenClasses | None = Field(
        None, description="classes of which nothing is trained on, whose items alone are queries and database"
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
        database: labelled items searched: those of `train`; with `max_training` others as well, with `unseen_classes`
            others alone.
        queries: labelled items searched for, in neither of the two; every class among them is in `database`.
    """

    train: Rows
    database: Rows
    queries: Rows

    @property
    def known(self) -> Rows:
        """Items trained on or searched."""
        return np.union1d(self.train, self.database)


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

    - Queries are drawn in proportion to the classes, of several labels an item to the rarest (`rarest_first`), and a
      class always keeps an item in the database.
    - The items of a group move together. So that a group is never torn, a few more queries than asked for may be held
      out (at most the last group's size less one), and unlabelled members of a group held out belong to no part.
    - An official test split is never trained on, nor searched, not even the part a smaller `test_queries` leaves out.
      Official queries of a class that the database lacks are left out with a warning.
    - Thinning keeps exactly `max_database` labelled items, at least one of each test query's class, and the same share
      of the unlabelled ones; `max_training` limits what is trained on in the same way, in search and final split alike.
    - `unseen_classes` makes another split, see `_unseen`.

    The test queries depend on the data set, `seed` and `test_queries` alone.

    Raises:
        UserError: more queries than can be held out, a `max_database` too small for the test queries' classes, or a
            group with items on both sides of the official split. Such a group is refused, not moved: moving it would
            change either the official test set or what it may be compared with.
    """
    if config.unseen_classes is not None:
        return _unseen(dataset, config)
    test, pool = _hold_out_test(dataset, config, np.arange(len(dataset)))
    pool = _thin(dataset, config, pool, test)
    validation, rest = _hold_out_validation(dataset, config, pool)
    return Splits(
        config,
        search=Split(_trained_on(dataset, config, rest), _labelled(dataset, rest), validation),
        final=Split(_trained_on(dataset, config, pool), _labelled(dataset, pool), test),
    )


def _unseen(dataset: EmbeddingSet, config: SplitConfig) -> Splits:
    """Queries and database of classes of which nothing is trained on (Sablayrolles et al. 2017), drawn by the seed.

    The final split tests on one draw of classes and trains on all others; the search split is scored on a second draw,
    of as many, and trains on what is in neither, so that classes tested on have no part in any choice. A side's queries
    are held out as usual from the items all of whose labels are among its classes; the rest of these are its database.
    Items with labels on both sides, and what shares a group with an item of the classes, are in no part; nor are
    items without a label, of which nobody knows whether they are of the classes.
    """
    test_classes, validation_classes = _draw_classes(dataset, config)
    inside, outside = _sides(dataset, np.flatnonzero(dataset.is_labelled), test_classes)
    test, database = _hold_out_test(dataset, config, inside)
    if dataset.is_query is not None:
        outside = outside[~dataset.is_query[outside]]
    final = Split(_trained_on(dataset, config, outside), _thin(dataset, config, database, test), test)
    inside, rest = _sides(dataset, outside, validation_classes)
    validation, database = _hold_out_validation(dataset, config, inside)
    search = Split(_trained_on(dataset, config, rest), _thin(dataset, config, database, validation), validation)
    if not len(search.train):
        raise UserError(f"{dataset.name}: unseen_classes: no item is left to train on beside the classes held out")
    return Splits(config, search=search, final=final)


def _draw_classes(dataset: EmbeddingSet, config: SplitConfig) -> tuple[Rows, Rows]:
    """Two draws of as many classes, for test and for validation."""
    wanted, present = config.unseen_classes, np.flatnonzero(dataset.class_sizes >= 2)
    count = wanted if isinstance(wanted, int) else max(2, int((wanted or 0) * len(present) + 0.5))
    if 2 * count >= len(present):
        raise UserError(
            f"{dataset.name}: unseen_classes: {wanted} is twice {count} classes, for test and validation, and leaves "
            f"none of {len(present)} to train on; at most {(len(present) - 1) // 2}"
        )
    drawn = _rng(config, CLASSES).permutation(present)
    return np.sort(drawn[:count]), np.sort(drawn[count : 2 * count])


def _sides(dataset: EmbeddingSet, rows: Rows, classes: Rows) -> tuple[Rows, Rows]:
    """Of `rows`, those of these classes alone, and those that have nothing to do with them."""
    labels = dataset.labels[rows]
    concerned = has_any_of(labels, classes)
    alone = concerned & ~has_any_of(labels, np.setdiff1d(np.arange(len(dataset.class_names)), classes))
    if dataset.groups is not None:
        groups = dataset.groups[rows]
        concerned = concerned | ((groups >= 0) & np.isin(groups, groups[concerned]))
    return rows[alone], rows[~concerned]


def _rng(config: SplitConfig, purpose: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(purpose,)))


def _labelled(dataset: EmbeddingSet, rows: Rows) -> Rows:
    return rows[dataset.is_labelled[rows]]


def _hold_out_test(dataset: EmbeddingSet, config: SplitConfig, rows: Rows) -> tuple[Rows, Rows]:
    """Test queries among `rows`, and all of these that are on the other side of the test split."""
    rng = _rng(config, TEST)
    if dataset.is_query is None:
        return _hold_out(dataset, rows, "test_queries", config.test_queries, rng)
    _refuse_torn_groups(dataset)
    pool, official = rows[~dataset.is_query[rows]], rows[dataset.is_query[rows]]
    findable = official[has_any_of(dataset.labels[official], _classes(dataset, pool))]
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
    chosen = stratified_order(rarest_first(dataset.labels[findable]), rng)[:wanted]
    return np.sort(findable[chosen]), pool


def _hold_out_validation(dataset: EmbeddingSet, config: SplitConfig, pool: Rows) -> tuple[Rows, Rows]:
    rng = _rng(config, VALIDATION)
    return _hold_out(dataset, pool, "validation_queries", config.validation_queries, rng)


def _hold_out(
    dataset: EmbeddingSet, pool: Rows, field: str, wanted: int | None, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Whole units of `pool` until they hold `wanted` queries: (queries, the rest of the pool)."""
    units = Units.of(dataset.labels[pool], None if dataset.groups is None else dataset.groups[pool])
    taken, queries_so_far = units.take_leaving_every_class(stratified_order(units.strata, rng))
    possible = int(queries_so_far[-1]) if len(queries_so_far) else 0
    if wanted is None:
        sixth = (len(_labelled(dataset, pool)) + 3) // 6  # n / 6, halves rounded up
        wanted = max(1, min(sixth, DEFAULT_QUERIES, possible // 2))
    if wanted > possible:
        raise UserError(_too_many(dataset, field, wanted, possible))
    taken = taken[: int(np.searchsorted(queries_so_far, wanted)) + 1]
    held_out = np.isin(units.unit_of_item, taken)
    return _labelled(dataset, pool[held_out]), pool[~held_out]


def _classes(dataset: EmbeddingSet, rows: Rows) -> Rows:
    """Every class that an item of `rows` has."""
    return np.unique(item_classes(dataset.labels[rows])[1])


def _thin(dataset: EmbeddingSet, config: SplitConfig, pool: Rows, queries: Rows) -> Rows:
    """`pool` with `max_database` of its labelled items, one of each class of the queries, and its share of others."""
    labelled = _labelled(dataset, pool)
    size = config.max_database
    if size is None or size >= len(labelled):
        return pool
    needed = _classes(dataset, queries)
    if size < len(needed):
        raise UserError(
            f"{dataset.name}: max_database: {size} items cannot hold one of each class that has test queries; "
            f"at least {len(needed)}"
        )
    rng = _rng(config, DATABASE)
    order = labelled[stratified_order(rarest_first(dataset.labels[labelled]), rng)]
    rows, classes = item_classes(dataset.labels[order])
    found, first = np.unique(classes, return_index=True)
    first_of_class = np.unique(rows[first[np.isin(found, needed)]])
    order = np.concatenate([order[first_of_class], np.delete(order, first_of_class)])
    return _with_unlabelled(dataset, pool, order[:size], rng)


def _trained_on(dataset: EmbeddingSet, config: SplitConfig, pool: Rows) -> Rows:
    """`pool` with `max_training` of its labelled items and the same share of the others."""
    labelled = _labelled(dataset, pool)
    size = config.max_training
    if size is None or size >= len(labelled):
        return pool
    rng = _rng(config, TRAINING)
    return _with_unlabelled(
        dataset, pool, labelled[stratified_order(rarest_first(dataset.labels[labelled]), rng)[:size]], rng
    )


def _with_unlabelled(dataset: EmbeddingSet, pool: Rows, kept: Rows, rng: np.random.Generator) -> Rows:
    """Some labelled items of `pool`, with the same share of those without a label."""
    is_labelled = dataset.is_labelled[pool]
    unlabelled, labelled = pool[~is_labelled], int(is_labelled.sum())
    share = (len(unlabelled) * len(kept) + labelled // 2) // labelled
    return np.sort(np.concatenate([kept, rng.permutation(unlabelled)[:share]]))


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
