"""The released score, against values that were recorded when the released code ran.

Its value depends on the order in which numpy's default sort leaves ties, and that on the processor. The values were
recorded with AVX-512; ``released_metric_rankings.npz`` holds the orders of that sort, so that every machine can check.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from hasher.retrieval import evaluate, released, released_map

FOLDER = Path(__file__).parent
CASES = json.loads((FOLDER / "released_metric_cases.json").read_text())


def codes_of(rows: list[str]) -> np.ndarray:
    return np.array([[bit == "1" for bit in row] for row in rows])


def arguments_of(case: dict) -> tuple:
    queries, database = codes_of(case["query_codes"]), codes_of(case["database_codes"])
    return queries, case["query_labels"], database, case["database_labels"], case["topk"]


def rankings_of(number: int) -> np.ndarray:
    with np.load(FOLDER / "released_metric_rankings.npz", allow_pickle=False) as archive:
        return archive[f"case_{number}"].astype(np.int64)


def distances_of(case: dict) -> np.ndarray:
    queries, database = codes_of(case["query_codes"]), codes_of(case["database_codes"])
    return (queries[:, None] != database[None]).sum(axis=2).astype(np.float64)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_reproduces_a_recorded_value(number, monkeypatch):
    case, rankings = CASES[number], rankings_of(number)
    ranked = np.take_along_axis(distances_of(case), rankings, axis=1)
    assert (np.diff(ranked, axis=1) >= 0).all()
    np.testing.assert_array_equal(np.sort(rankings, axis=1)[0], np.arange(rankings.shape[1]))
    monkeypatch.setattr(np, "argsort", lambda distances, axis: rankings)
    assert released_map(*arguments_of(case)) == pytest.approx(case["released_map"], abs=1e-12)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_reproduces_a_recorded_value_with_the_sort_of_this_machine(number):
    case = CASES[number]
    if not (np.argsort(distances_of(case), axis=1) == rankings_of(number)).all():
        pytest.skip("numpy's default sort orders ties differently on this processor than where the value was recorded")
    assert released_map(*arguments_of(case)) == pytest.approx(case["released_map"], abs=1e-12)


@pytest.mark.parametrize("at_once", [1, 500, 1 << 20])
def test_equals_a_loop_over_queries(at_once, monkeypatch):
    monkeypatch.setattr(released, "DISTANCES_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    codes, labels = rng.random((240, 9)) < 0.5, rng.integers(-2, 4, 240)
    scores = []
    for code, label in zip(codes[:40], labels[:40], strict=True):
        order = np.argsort((codes[40:] != code).sum(axis=1).astype(np.float64))[:7]
        places = [place for place, item in enumerate(order, start=1) if label * labels[40:][item] > 0]
        if places:
            scores.append(np.mean([found / place for found, place in enumerate(places, start=1)]))
    assert 0 < len(scores) < 40
    expected = pytest.approx(np.mean(scores), abs=1e-12)
    assert released_map(codes[:40], labels[:40], codes[40:], labels[40:], k=7) == expected


def test_is_nan_if_no_query_has_a_hit():
    assert np.isnan(released_map([[True]], [0], [[True]], [0]))


def test_k_beyond_the_database_means_all_of_it():
    case = arguments_of(CASES[0])[:4]
    assert released_map(*case, k=10_000) == released_map(*case, k=len(case[3]))


def test_what_is_wrong_with_it():
    """Random codes of ten classes score about 0.9, and perfect codes of class 0 nothing at all."""
    rng = np.random.default_rng(1)
    codes, labels = rng.random((1200, 32)) < 0.5, rng.integers(0, 10, 1200)
    arguments = codes[:200], labels[:200], codes[200:], labels[200:]
    assert released_map(*arguments) == pytest.approx(0.9, abs=0.02)
    assert evaluate(*arguments).map == pytest.approx(0.1, abs=0.02)
    assert np.isnan(released_map(codes[:1], [0], codes[:1].repeat(5, axis=0), [0] * 5))
