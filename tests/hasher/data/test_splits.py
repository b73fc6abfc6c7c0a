"""What every split must satisfy, whatever the data set, and the numbers on the data sets that come with it."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hasher.data import EmbeddingSet, SplitConfig, check_leaks, load_dataset, make_splits
from hasher.data.units import Units, stratified_order
from hasher.errors import UserError


def dataset(labels, groups=None, is_query=None, name="items"):
    labels = np.asarray(labels)
    return EmbeddingSet(
        name=name,
        features=np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2),
        labels=labels,
        class_names=tuple(f"class {number}" for number in range(max(2, labels.max() + 1))),
        groups=None if groups is None else np.asarray(groups),
        is_query=None if is_query is None else np.asarray(is_query),
    )


@st.composite
def datasets(draw, grouped=(False, True)):
    """Valid data sets: the first eight items, of two classes and no group, can always be divided."""
    count = draw(st.integers(0, 40))
    labels = np.array([0, 1] * 4 + draw(st.lists(st.integers(-1, 6), min_size=count, max_size=count)))
    groups = is_query = None
    if draw(st.sampled_from(grouped)):
        groups = np.array([-1] * 8 + draw(st.lists(st.integers(-1, 12), min_size=count, max_size=count)))
    if draw(st.booleans()):
        side = draw(st.lists(st.booleans(), min_size=14, max_size=14))
        is_query = np.array([False] * 6 + [True] * 2 + draw(st.lists(st.booleans(), min_size=count, max_size=count)))
        if groups is not None:  # a group is on one side, and an item without a label on the other
            groups[labels < 0] = -1
            is_query = np.where(groups < 0, is_query, np.array(side)[groups])
        is_query &= labels >= 0
    return dataset(labels, groups, is_query)


sizes = st.none() | st.integers(1, 9)
limits = st.integers(8, 40)
configs = st.builds(
    SplitConfig,
    seed=st.integers(0, 2**40),
    test_queries=sizes,
    validation_queries=sizes,
    max_database=st.none() | limits,
)


def same(first, second):
    return all(
        np.array_equal(getattr(getattr(first, split), part), getattr(getattr(second, split), part))
        for split in ("search", "final")
        for part in ("train", "database", "queries")
    )


def split_or_skip(data, config):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return make_splits(data, config)
        except UserError:
            assume(False)


@given(datasets(), configs)
@settings(max_examples=300, deadline=None)
def test_every_split_is_sound(data, config):
    splits = split_or_skip(data, config)
    largest_group = 1 if data.groups is None else max(1, np.bincount(data.groups[data.groups >= 0], minlength=1).max())
    for split, wanted in ((splits.search, config.validation_queries), (splits.final, config.test_queries)):
        for rows in (split.train, split.database, split.queries):
            assert rows.dtype == np.int64 and np.all(np.diff(rows) > 0)
        assert len(split.queries) and not np.intersect1d(split.train, split.queries).size
        assert np.array_equal(split.database, split.train[data.labels[split.train] >= 0])
        assert np.all(data.labels[split.queries] >= 0)
        assert np.isin(data.labels[split.queries], data.labels[split.database]).all()
        if wanted is not None:
            assert wanted <= len(split.queries) < wanted + largest_group
        if data.groups is not None:
            shared = np.intersect1d(data.groups[split.train], data.groups[split.queries])
            assert np.all(shared < 0)
    assert np.isin(splits.search.train, splits.final.train).all()
    assert np.isin(splits.search.queries, splits.final.database).all()
    if data.is_query is not None:
        assert data.is_query[splits.final.queries].all() and not data.is_query[splits.final.train].any()
    assert same(splits, split_or_skip(data, config))


@given(datasets(grouped=[False]), configs)
@settings(max_examples=200, deadline=None)
def test_nothing_is_left_out_without_a_reason(data, config):
    """Without groups and limits every item is in one part; official queries can be left out, by number or class."""
    splits = split_or_skip(data, config.model_copy(update={"max_database": None}))
    final = np.concatenate([splits.final.train, splits.final.queries])
    outside = np.setdiff1d(np.arange(len(data)), final)
    assert outside.size == 0 or data.is_query[outside].all()
    search = np.concatenate([splits.search.train, splits.search.queries])
    assert np.array_equal(np.sort(search), splits.final.train)


@given(datasets(), configs, limits)
@settings(max_examples=200, deadline=None)
def test_the_database_has_exactly_the_size_asked_for(data, config, limit):
    whole = split_or_skip(data, config.model_copy(update={"max_database": None}))
    splits = split_or_skip(data, config.model_copy(update={"max_database": limit}))
    assert len(splits.final.database) == min(limit, len(whole.final.database))
    assert np.array_equal(splits.final.queries, whole.final.queries)
    share = len(splits.final.database) / len(whole.final.database)
    unlabelled = [len(found.final.train) - len(found.final.database) for found in (splits, whole)]
    assert abs(unlabelled[0] - share * unlabelled[1]) <= 0.5


@given(datasets(), configs, st.sampled_from(["test_queries", "validation_queries"]))
@settings(max_examples=200, deadline=None)
def test_asking_for_too_much_says_how_much_would_work(data, config, field):
    def attempt(number):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                make_splits(data, config.model_copy(update={field: number}))
            except UserError as error:
                return str(error)
        return ""

    message = re.fullmatch(rf"items: {field}: 1000 cannot be held out .* at most (\d+)", attempt(1000))
    assume(message)  # or another field is the first to be impossible
    possible = int(message[1])
    assert attempt(possible + 1).endswith(f"at most {possible}")
    assert field not in attempt(possible)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80).map(np.array), st.integers(0, 1000))
@settings(deadline=None)
def test_every_beginning_of_a_stratified_order_is_in_proportion(strata, seed):
    order = stratified_order(strata, np.random.default_rng(seed))
    assert np.array_equal(np.sort(order), np.arange(len(strata)))
    classes, sizes = np.unique(strata, return_counts=True)
    taken = np.cumsum(strata[order][:, None] == classes, axis=0)
    share = np.arange(1, len(strata) + 1)[:, None] * sizes / len(strata)
    assert np.all(np.abs(taken - share) <= 1 + len(classes) * sizes / len(strata) + 1e-9)


def test_a_stratified_order_favours_neither_large_nor_small_strata():
    """Fewer members than strata: each of 40 pairs and one stratum of 40 is drawn as often as its size says."""
    strata = np.concatenate([np.repeat(np.arange(40), 2), np.full(40, 40)])
    drawn = [strata[stratified_order(strata, np.random.default_rng(seed))[:12]] for seed in range(2000)]
    assert np.mean(np.concatenate(drawn) == 40) == pytest.approx(1 / 3, abs=0.01)


def test_units_have_the_class_of_most_of_their_labelled_items():
    units = Units.of(np.array([0, 1, 1, -1, 2, 0, -1, 2]), np.array([5, 5, 5, 5, 9, 9, -1, -1]))
    by_item = units.strata[units.unit_of_item]
    assert by_item.tolist() == [1, 1, 1, 1, 0, 0, -1, 2]
    assert len(units.strata) == 4


def test_digits_have_300_test_queries_and_1497_other_items():
    data = load_dataset("digits")
    splits = make_splits(data, SplitConfig())
    assert [len(splits.final.queries), len(splits.final.database), len(splits.final.train)] == [300, 1497, 1497]
    assert [len(splits.search.queries), len(splits.search.train)] == [250, 1247]
    per_class = np.bincount(data.labels[splits.final.queries])
    assert np.all(np.abs(per_class - 300 * data.class_sizes / 1797) <= 1.5)


def test_a_different_seed_gives_different_parts_and_a_default_never_takes_all():
    data = dataset(np.arange(600) % 3)
    first, second = (make_splits(data, SplitConfig(seed=seed)) for seed in (0, 1))
    assert not same(first, second) and len(first.final.queries) == 100 and len(first.search.queries) == 83
    pairs = dataset(np.repeat(np.arange(50), 2))
    splits = make_splits(pairs, SplitConfig())
    assert [len(splits.final.queries), len(splits.search.queries)] == [17, 14]
    few = dataset(np.concatenate([np.arange(900), np.arange(50)]))
    splits = make_splits(few, SplitConfig())
    assert [len(splits.final.queries), len(splits.search.queries)] == [25, 12]


@pytest.mark.parametrize(("count", "queries"), [(8, 1), (9, 2), (14, 2), (15, 3), (7000, 1000)])
def test_a_sixth_is_rounded_half_up_and_limited(count, queries):
    assert len(make_splits(dataset(np.arange(count) % 2), SplitConfig()).final.queries) == queries


def test_the_official_split_is_the_test_split():
    labels = np.arange(40) % 2
    data = dataset(labels, is_query=np.arange(40) >= 30)
    splits = make_splits(data, SplitConfig())
    assert splits.final.queries.tolist() == list(range(30, 40))
    assert splits.final.train.tolist() == list(range(30))
    fewer = make_splits(data, SplitConfig(test_queries=4)).final
    assert np.bincount(labels[fewer.queries]).tolist() == [2, 2] and fewer.queries.min() >= 30
    assert fewer.train.tolist() == list(range(30))
    with pytest.raises(UserError, match=r"test_queries: 11 cannot .* at most 10"):
        make_splits(data, SplitConfig(test_queries=11))


def test_official_queries_nothing_could_answer_are_left_out_with_a_warning():
    data = dataset([0, 0, 0, 1, 1, 0, 2, 1], is_query=[False] * 5 + [True] * 3)
    with pytest.warns(UserWarning, match="1 official test queries left out"):
        assert make_splits(data, SplitConfig()).final.queries.tolist() == [5, 7]
    alone = dataset([0, 0, 0, 1, 1], is_query=[False] * 3 + [True] * 2)
    with pytest.raises(UserError, match="no test query has an item of its class"):
        make_splits(alone, SplitConfig())


def test_a_group_torn_by_the_official_split_is_refused():
    data = dataset([0, 0, 0, 1, 1, 1], groups=[-1, 7, 8, -1, 7, -1], is_query=[True] * 2 + [False] * 4)
    with pytest.raises(UserError, match=r"groups: row 1 is a test query .* and row 4 of the same group is not"):
        make_splits(data, SplitConfig())


@example(1)
@given(st.integers(1, 10))
@settings(deadline=None)
def test_groups_larger_than_the_number_asked_for_move_whole(wanted):
    data = dataset(np.arange(120) % 2, groups=np.arange(120) // 12)
    final = make_splits(data, SplitConfig(test_queries=wanted)).final
    assert len(final.queries) == 12 and len(np.unique(data.groups[final.queries])) == 1


def test_unlabelled_items_are_trained_on_and_nothing_else():
    labels = np.where(np.arange(90) % 3 == 2, -1, np.arange(90) % 3)
    splits = make_splits(dataset(labels), SplitConfig())
    for split in (splits.search, splits.final):
        assert np.isin(np.flatnonzero(labels < 0), split.train).all()
        assert np.all(labels[split.database] >= 0) and np.all(labels[split.queries] >= 0)
    assert len(splits.final.queries) == 10  # a sixth of the 60 labelled items
    thinned = make_splits(dataset(labels), SplitConfig(max_database=25)).final
    assert len(thinned.database) == 25 and len(thinned.train) == 25 + 15


@pytest.mark.parametrize(
    ("labels", "config", "message"),
    [
        ([0, 0, 1, 1], {"test_queries": 3}, "items: test_queries: 3 cannot be held out .* at most 2"),
        ([0, 0, 1], {}, "items: validation_queries: none can be held out, because no class would keep"),
        ([0, 0, 0, 1, 1, 1], {"test_queries": 2, "validation_queries": 3}, "validation_queries: 3 cannot .* at most 2"),
        ([0] * 9 + [1] * 9 + [2] * 9, {"max_database": 2, "test_queries": 9}, "max_database: 2 items .* at least 3"),
    ],
)
def test_impossible_numbers_are_refused(labels, config, message):
    with pytest.raises(UserError, match=message):
        make_splits(dataset(labels), SplitConfig(**config))


def test_configurations_are_checked():
    for values, message in [
        ({"queries": 3}, "space.yaml: queries: unknown key"),
        ({"test_queries": 0}, "space.yaml: test_queries: .* greater than or equal to 1, not 0"),
        ({"seed": -1}, "space.yaml: seed: .* not -1"),
    ]:
        with pytest.raises(UserError, match=message):
            SplitConfig.parse(values, "space.yaml")
    config = SplitConfig.parse({"seed": 3}, "space.yaml")
    assert config == SplitConfig(seed=3)
    with pytest.raises(ValidationError):
        config.seed = 4


def test_duplicates_across_the_split_are_counted():
    data = dataset(np.arange(60) % 2)
    final = make_splits(data, SplitConfig()).final
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_leaks(data, final) == 0
    features = data.features.copy()
    features[final.queries[:3]] = features[final.database[5]]
    features[final.queries[3]] = features[final.queries[4]]  # two queries alike are no leak
    features[final.database[7]] = 0.0
    features[final.queries[5]] = -0.0
    leaky = EmbeddingSet("leaky", features, data.labels, data.class_names)
    with pytest.warns(UserWarning, match="leaky: 4 of 10 queries have an exact duplicate among the items trained on"):
        assert check_leaks(leaky, final) == 4
