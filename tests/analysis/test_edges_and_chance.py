"""Hyperparameters at the edge of their range, and what random codes score."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.chance import Chance, Unknown, chance_scores, random_released_map
from analysis.edges import crowded, edges
from analysis.study_records import load_study
from hasher.data import load_dataset
from hasher.retrieval import random_codes_scores, random_map
from tests.analysis.synthetic import make_spec


def found(method="gcn", space=None, **chosen):
    return {(edge.name, edge.end) for edge in edges(make_spec(space=space or make_spec().space), method, chosen)}


def test_a_log_range_is_looked_at_on_its_own_scale():
    assert found(learning_rate=0.00055) == {("learning_rate", "lowest")}  # 3% of the way from 0.0005 to 0.01 in logs
    assert found(learning_rate=0.00075) == set()  # 14% in logs, though 3% of the way in plain numbers
    assert found(learning_rate=0.0095) == {("learning_rate", "highest")}


def test_whole_numbers_at_their_ends():
    assert found(knn_size=4) == {("knn_size", "lowest")}
    assert found(knn_size=24) == {("knn_size", "highest")}
    assert found(knn_size=5) == set()
    assert found("lanczos", filter_order=2.0) == {("filter_order", "lowest")}


def test_the_smallest_order_there_is_is_no_edge():
    assert found("chebyshev", filter_order=1) == set()
    assert found("chebyshev", filter_order=8) == {("filter_order", "highest")}
    assert found("spline", filter_order=4) == set()


def test_choices_have_edges_only_where_they_are_three_numbers():
    assert found(ae_width=128.0) == {("ae_width", "lowest")}
    assert found(ae_width=256) == set()
    two = {"ae_width": {"type": "categorical", "choices": [128, 256]}}
    words = {"edges": {"type": "categorical", "choices": ["features", "features_and_codes"]}}
    single = {"alpha": {"type": "float", "low": 1.0, "high": 1.0}}
    assert (
        found(space=two, ae_width=128)
        == found(space=words, edges="features")
        == found(space=single, alpha=1.0)
        == set()
    )


def test_of_two_numbers_the_one_that_most_winners_chose_is_warned_of():
    spec = make_spec(space={"ae_width": {"type": "categorical", "choices": [256, 128]}})
    winners = [("gcn", {"ae_width": 256.0})] * 17 + [("none", {"ae_width": 128.0})]
    (one,) = crowded(spec, winners)
    assert (one.name, one.value, one.end, one.count, one.total) == ("ae_width", 256, "highest", 17, 18)
    assert one.in_words() == "17 of 18 winners chose the highest of the two values of ae_width"
    (other,) = crowded(spec, [("gcn", {"ae_width": 128})] * 6)
    assert (other.end, other.count, other.total) == ("lowest", 6, 6)
    assert crowded(spec, [("gcn", {"ae_width": 256})] * 5) == []  # one time in sixteen by chance
    assert crowded(spec, winners[:9] + [("gcn", {"ae_width": 128})] * 9) == []
    words = {"edges": {"type": "categorical", "choices": ["features", "features_and_codes"]}}
    assert crowded(make_spec(space=words), [("gcn", {"edges": "features"})] * 20) == []


def test_what_was_not_chosen_or_is_not_the_methods():
    assert found(learning_rate=None) == found(learning_rate=float("nan")) == set()
    assert found("none", knn_size=4) == set()


def test_in_words():
    (edge,) = edges(make_spec(), "gcn", {"knn_size": 24})
    assert edge.in_words() == "knn_size = 24 is at the highest end of 4 to 24"


@pytest.mark.parametrize("k", [5, 40, 500])
@pytest.mark.parametrize("classes", [3, 10])
def test_random_codes_under_the_released_metric(k, classes):
    """Against draws of random codes, put through the metric itself."""
    rng = np.random.default_rng(k + classes)
    queries, database = rng.integers(0, classes, 40), rng.integers(0, classes, 200)
    drawn = [random_codes_scores(queries, database, 24, k, seed).map_released for seed in range(120)]
    spread = np.std(drawn, ddof=1) / np.sqrt(len(drawn))
    assert random_released_map(queries, database, k) == pytest.approx(np.mean(drawn), abs=4 * spread + 1e-3)


def test_random_codes_of_several_labels_under_the_released_metric():
    rng = np.random.default_rng(1)
    queries, database = rng.random((40, 5)) < 0.2, rng.random((200, 5)) < 0.2
    drawn = [random_codes_scores(queries, database, 24, 20, seed).map_released for seed in range(120)]
    spread = np.std(drawn, ddof=1) / np.sqrt(len(drawn))
    assert random_released_map(queries, database, 20) == pytest.approx(np.mean(drawn), abs=4 * spread + 1e-3)


def test_no_query_that_could_hit():
    assert np.isnan(random_released_map(np.zeros(3, int), np.ones(5, int), 5))


def test_a_studys_chance_levels(study_folder):
    study = load_study(study_folder)
    data = load_dataset("digits")
    found = chance_scores(study, "digits")
    assert isinstance(found, Chance)
    split = study.evaluation("test", study.cells("digits")[0], 0)["query_index"]
    rest = np.setdiff1d(np.arange(len(data)), split)
    assert found.map == pytest.approx(random_map(data.labels[split], data.labels[rest]))
    assert found.map_at_k < found.map < 0.12 < 0.85 < found.map_released
    assert "vectors.npz" in chance_scores(study, "vectors").reason
    other = study.records.assign(data_fingerprint="another")
    unknown = chance_scores(replace(study, records=other), "digits")
    assert isinstance(unknown, Unknown) and "fingerprint" in unknown.reason
