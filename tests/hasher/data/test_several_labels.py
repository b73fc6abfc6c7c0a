"""Data sets of several labels an item: what they hold, and what their splits must satisfy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.data import EmbeddingSet, Items, SplitConfig, describe, load_dataset, make_splits
from hasher.data.units import Units, rarest_first, stratified_order
from hasher.errors import UserError
from hasher.labels import label_words, multi_hot
from tests.hasher.data.test_splits import configs, split_or_skip

NAMES = ("sky", "sea", "tree")


def dataset(labels, **known):
    labels = np.asarray(labels, bool)
    features = np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    names = NAMES if labels.shape[1] == 3 else tuple(map(str, range(labels.shape[1])))
    return EmbeddingSet("items", features, labels, names, **known)


@st.composite
def datasets(draw):
    """The first eight items, of two classes and no group, can always be divided."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, classes = draw(st.integers(0, 60)), draw(st.sampled_from([3, 7, 70]))
    labels = rng.random((8 + count, classes)) < draw(st.sampled_from([0.1, 0.4]))
    labels[:8] = np.eye(classes, dtype=bool)[[0, 1] * 4]
    groups = is_query = None
    kind = draw(st.sampled_from(["plain", "grouped", "official"]))
    if kind == "grouped":
        groups = np.concatenate([np.full(8, -1), rng.integers(-1, 15, count)])
    if kind == "official":
        is_query = (np.arange(8 + count) >= 6) & (rng.random(8 + count) < 0.4) & labels.any(axis=1)
        is_query[6] = True
    return dataset(labels, groups=groups, is_query=is_query)


@given(datasets(), configs)
@settings(max_examples=200, deadline=None)
def test_every_split_is_sound(data, config):
    splits = split_or_skip(data, config)
    labelled = data.labels.any(axis=1)
    largest_group = 1 if data.groups is None else max(1, np.bincount(data.groups[data.groups >= 0], minlength=1).max())
    for split, wanted in ((splits.search, config.validation_queries), (splits.final, config.test_queries)):
        assert len(split.queries) and not np.intersect1d(split.train, split.queries).size
        np.testing.assert_array_equal(split.database, split.train[labelled[split.train]])
        assert labelled[split.queries].all()
        shared = data.labels[split.queries].astype(int) @ data.labels[split.database].T.astype(int)
        assert shared.any(axis=1).all()  # every query has something to find
        if wanted is not None:
            assert wanted <= len(split.queries) < wanted + largest_group
        if data.groups is not None:
            assert (np.intersect1d(data.groups[split.train], data.groups[split.queries]) < 0).all()
    if config.max_database is not None:
        assert len(splits.final.database) <= config.max_database
    again = make_splits(data, config) if data.is_query is None else splits
    np.testing.assert_array_equal(again.final.queries, splits.final.queries)


@given(datasets(), configs)
@settings(max_examples=60, deadline=None)
def test_one_label_an_item_is_split_the_same_in_either_form(data, config):
    """Where no group has items of two classes: there the majority decides, or the rarest."""
    single = np.where(data.labels.any(axis=1), data.labels.argmax(axis=1), -1)
    hot = np.eye(data.labels.shape[1] + 1, dtype=bool)[single][:, :-1]
    known = {"is_query": data.is_query}
    one = EmbeddingSet("items", data.features, single, data.class_names, **known)
    other = EmbeddingSet("items", data.features, hot, data.class_names, **known)
    expected, found = split_or_skip(one, config), split_or_skip(other, config)
    for split in ("search", "final"):
        for part in ("train", "database", "queries"):
            np.testing.assert_array_equal(*(getattr(getattr(both, split), part) for both in (expected, found)))


def test_labels_keep_their_shares_among_queries():
    """The rarest exactly, give or take one, and every other nearer than in a draw at random, on average."""
    rng = np.random.default_rng(0)
    labels = rng.random((3000, 12)) < np.geomspace(0.02, 0.5, 12)
    labels[:, 11] |= labels[:, 0]  # labels of one image go together
    data = dataset(labels)
    share = 300 / data.is_labelled.sum()
    stratified, random = [], []
    for seed in range(8):
        queries = make_splits(data, SplitConfig(seed=seed, test_queries=300)).final.queries
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(data.is_labelled), 300, replace=False)
        stratified.append(labels[queries].sum(axis=0) - share * labels.sum(axis=0))
        random.append(labels[drawn].sum(axis=0) - share * labels.sum(axis=0))
    assert np.abs(stratified)[:, 0].max() < 2
    assert np.abs(stratified).mean() < 0.7 * np.abs(random).mean()


def test_the_stratum_is_the_rarest_label():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], bool)
    assert rarest_first(labels).tolist() == [1, 0, 2, -1, 1, 2]
    units = Units.of(labels, np.array([5, 5, -1, 5, -1, -1]))
    assert units.strata[units.unit_of_item].tolist() == [1, 1, 2, 1, 1, 2]
    assert units.labelled[units.unit_of_item].tolist() == [2, 2, 1, 2, 1, 1]
    single = np.array([2, 0, -1])
    assert rarest_first(single) is single
    assert sorted(stratified_order(rarest_first(labels), np.random.default_rng(0))) == list(range(6))


def test_lists_of_labels_become_a_matrix():
    labels, names = multi_hot([["sky", "sea"], [], ["tree"], ["sea", "sea"]])
    assert names == ("sea", "sky", "tree")
    assert labels.tolist() == [[True, True, False], [False] * 3, [False, False, True], [True, False, False]]
    labels, names = multi_hot([[10, 9], {2}, np.array([9])])
    assert names == ("2", "9", "10") and labels.argmax(axis=1).tolist() == [1, 0, 1]
    for wrong in (["sky"], [["sky"], 3], [None]):
        with pytest.raises(UserError, match=r"labels: row . is .*, expected a list of labels"):
            multi_hot(wrong)


def test_sets_of_labels_are_bits():
    labels = np.random.default_rng(0).random((40, 130)) < 0.3
    words = label_words(labels)
    assert words.shape == (40, 3) and words.dtype == np.uint64
    shared = np.bitwise_count(words[:, None] & words).sum(axis=2)
    np.testing.assert_array_equal(shared, labels.astype(int) @ labels.T.astype(int))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1, 0], [0, 1], [0, 0]], "no class has two items"),
        ([[1, 0], [1, 0], [0, 0]], "every labelled item is of the class '0'"),
        ([[0, 0], [0, 0], [0, 0]], "no item has a label"),
    ],
)
def test_what_nothing_can_be_found_in_is_refused(labels, message):
    with pytest.raises(UserError, match=message):
        dataset(labels)


def test_a_test_query_needs_a_label():
    with pytest.raises(UserError, match=r"row 3 is a test query \(is_query\) without a label"):
        dataset([[1, 0], [0, 1], [1, 1], [0, 0]], is_query=np.array([False, False, True, True]))


def test_facts_and_fingerprint():
    labels = [[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1]]
    data = dataset(labels)
    facts = describe(data)
    assert facts["labels an item"] == "1 to 2, mean 1.67" and facts["unlabelled"] == 1
    assert facts["classes"] == 3 and facts["items a class"] == "1 to 3, median 1" and facts["classes of one item"] == 2
    other = dataset([[1, 1, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]])
    assert data.fingerprint != other.fingerprint and data.fingerprint == dataset(labels).fingerprint
    with pytest.raises(ValueError, match="read-only"):
        data.labels[0] = False


def test_items_say_all_their_classes():
    labels = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], bool)
    items = Items("here", np.arange(3), labels, NAMES)
    assert items.classes(np.array([[0, 1], [2, 2]])).tolist() == [["sky, sea", ""], ["tree", "tree"]]
    assert items.take(np.array([2])).classes(np.array([0])).tolist() == ["tree"]
    assert items.of_classes(["tree", "else", "sea", "sky"])[0].tolist() == [False, False, True, True]
    for wrong in (labels[:2], labels[:, :2], labels.astype(int)):
        with pytest.raises(UserError, match=r"here: labels are .*, expected booleans of shape \(3, 3\)"):
            Items("here", np.arange(3), wrong, NAMES)


# max_training


@given(datasets(), configs, st.integers(2, 30))
@settings(max_examples=100, deadline=None)
def test_what_is_trained_on_may_be_a_part_of_the_database(data, config, limit):
    whole = split_or_skip(data, config)
    limited = split_or_skip(data, config.model_copy(update={"max_training": limit}))
    for all_of_it, split in ((whole.search, limited.search), (whole.final, limited.final)):
        np.testing.assert_array_equal(split.database, all_of_it.database)
        np.testing.assert_array_equal(split.queries, all_of_it.queries)
        assert np.isin(split.train, all_of_it.train).all() and (np.diff(split.train) > 0).all()
        labelled = data.is_labelled[split.train].sum()
        assert labelled == min(limit, len(all_of_it.database))
        unlabelled = len(all_of_it.train) - len(all_of_it.database)
        assert abs(len(split.train) - labelled - unlabelled * labelled / len(all_of_it.database)) <= 0.5


# unseen_classes


def assert_unseen(data, splits):
    """No class of a query, or of what is searched, has an item that is trained on; and so for validation and test."""
    seen_in_test = data.labels_of(splits.final.queries) | data.labels_of(splits.final.database)
    for split in (splits.search, splits.final):
        asked, searched = data.labels_of(split.queries), data.labels_of(split.database)
        trained = data.labels_of(split.train)
        assert asked and asked <= searched and not (searched & trained)
        assert not np.intersect1d(split.queries, np.concatenate([split.train, split.database])).size
        assert not np.intersect1d(split.database, split.train).size and len(split.train)
        assert data.set.is_labelled[np.concatenate([split.queries, split.database, split.train])].all()
        if data.set.groups is not None:
            held_out, others = np.concatenate([split.queries, split.database]), split.train
            assert (np.intersect1d(data.set.groups[held_out], data.set.groups[others]) < 0).all()
            shared = np.intersect1d(data.set.groups[split.queries], data.set.groups[split.database])
            assert (shared < 0).all()
    in_search = [splits.search.queries, splits.search.database, splits.search.train]
    assert not seen_in_test & data.labels_of(np.concatenate(in_search))


class Labelled:
    """A data set, and the classes of any of its items."""

    def __init__(self, data: EmbeddingSet) -> None:
        self.set = data

    def labels_of(self, rows) -> set[int]:
        if self.set.labels.ndim == 2:
            return set(np.flatnonzero(self.set.labels[rows].any(axis=0)).tolist())
        return set(self.set.labels[rows].tolist())


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 0.2, 0.34]), st.sampled_from(["plain", "grouped", "official"]))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("several", [False, True])
def test_classes_tested_on_have_no_part_in_anything_before(several, seed, wanted, kind):
    rng = np.random.default_rng(seed)
    single = rng.integers(-1, 9, 250)
    labels = single
    if several:
        labels = np.eye(10, dtype=bool)[single][:, :9]
        labels |= (rng.random(labels.shape) < 0.03) & labels.any(axis=1, keepdims=True)
    known = {
        "groups": np.where(rng.random(250) < 0.1, rng.integers(0, 9, 250), -1) if kind == "grouped" else None,
        "is_query": (rng.random(250) < 0.3) & (single >= 0) if kind == "official" else None,
    }
    data = EmbeddingSet("items", rng.normal(size=(250, 4)), labels, tuple("abcdefghi"), **known)
    config = SplitConfig(seed=seed % 1000, unseen_classes=wanted)
    splits = split_or_skip(data, config)
    assert_unseen(Labelled(data), splits)
    count = wanted if isinstance(wanted, int) else {0.2: 2, 0.34: 3}[wanted]
    for split in (splits.search, splits.final):
        assert len(Labelled(data).labels_of(split.database)) == count
    if kind == "official":
        assert data.is_query[splits.final.queries].all()
        for rows in (splits.final.database, splits.final.train, *vars(splits.search).values()):
            assert not data.is_query[rows].any()
    if kind == "plain" and not several:  # everything labelled is somewhere
        final = np.sort(np.concatenate([splits.final.queries, splits.final.database, splits.final.train]))
        np.testing.assert_array_equal(final, np.flatnonzero(data.is_labelled))


def test_unseen_classes_of_digits():
    digits = load_dataset("digits")
    splits = [make_splits(digits, SplitConfig(seed=seed, unseen_classes=0.25)) for seed in (0, 0, 1)]
    tested = [set(digits.labels[one.final.queries].tolist()) for one in splits]
    assert tested[0] == tested[1] != tested[2] and all(len(one) == 3 for one in tested)
    assert_unseen(Labelled(digits), splits[0])
    few = SplitConfig(unseen_classes=3, max_database=100, max_training=200, test_queries=30, validation_queries=20)
    limited = make_splits(digits, few)
    for split, queries in ((limited.search, 20), (limited.final, 30)):
        assert (len(split.train), len(split.database), len(split.queries)) == (200, 100, queries)
    assert_unseen(Labelled(digits), limited)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [(5, "5 is twice 5 classes, for test and validation, and leaves none of 10"), (0.5, "at most 4")],
)
def test_too_many_unseen_classes_are_refused(wanted, message):
    with pytest.raises(UserError, match=message):
        make_splits(load_dataset("digits"), SplitConfig(unseen_classes=wanted))


@pytest.mark.parametrize("wanted", [1, 0, 1.5, -0.2, "all"])
def test_what_is_no_number_or_share_of_classes_is_refused(wanted):
    with pytest.raises(UserError, match="here: unseen_classes"):
        SplitConfig.parse({"unseen_classes": wanted}, "here")
