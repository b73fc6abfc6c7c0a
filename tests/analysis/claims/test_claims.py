"""What is said of studies whose truth is known: nothing that is not so, and what can be known is said."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from analysis.claims.effects import effects
from analysis.claims.graph import worth_of_a_graph
from analysis.claims.leading import Rows, headline
from analysis.importance import importances
from analysis.per_query import PerQuery
from analysis.statistics.column import FEWEST, compare_rows, together
from analysis.statistics.intervals import Interval
from benchmarks.false_claims import (
    CLAIM,
    LEADS,
    SPEC,
    Layout,
    blames_the_wrong_one,
    said_of,
    simulate,
    trials_of,
    wrong_directions,
)

SMALL = Layout(rows=("gcn", "fourier", "none", "sdc", "itq"), bits=(16, 32), queries=60)


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def scores(level, seeds=5, queries=80, noise=0.01, seed=0):
    """Runs around a level; queries are the same in all rows."""
    rng = np.random.default_rng(seed)
    shared = 0.1 * np.random.default_rng(99).standard_normal(queries)
    return PerQuery(
        level + shared + noise * rng.standard_normal((seeds, queries)), np.arange(seeds), np.arange(queries), False
    )


def column(**rows):
    return compare_rows({name: float(one.values.mean()) for name, one in rows.items()}, rows)


def said(studied=("gcn", "fourier", "none"), why="the length that is shown where only one can be", **rows):
    means = {name: float(one.values.mean()) for name, one in rows.items()}
    return headline(Rows(32, why, "mAP", means, studied, column(**rows), Interval(0.1, 0.9)))


# Many studies


def test_where_nothing_differs_a_difference_is_claimed_in_one_study_of_twenty_at_most():
    """More of them, and of other sizes, in benchmarks/false_claims.py."""
    rng = np.random.default_rng(0)
    false = sum(any(CLAIM.search(one) for one in simulate(rng, SMALL, {}).sentences()) for _ in range(100))
    assert false <= 5


def test_a_direction_is_not_claimed_wrongly_and_a_difference_is_found():
    rng = np.random.default_rng(1)
    studies = [simulate(rng, SMALL, LEADS) for _ in range(40)]
    assert sum(wrong_directions(one, LEADS) > 0 for one in studies) == 0
    assert sum(any(CLAIM.search(said) for said in one.sentences()) for one in studies) == 40


def test_the_judge_of_directions_can_find_one():
    study = simulate(np.random.default_rng(2), SMALL, LEADS)
    assert wrong_directions(study, {name: -lead for name, lead in LEADS.items()}) > 0


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_noise_shows_no_effect(kind):
    rng = np.random.default_rng(4)
    assert [CLAIM.search(said_of(trials_of(rng, kind, 7))) for _ in range(2)] == [None] * 2


def test_confounded_trials_blame_nobody_alone():
    rng = np.random.default_rng(5)
    sentences = [said_of(trials_of(rng, "confounded")) for _ in range(2)]
    assert not any(map(blames_the_wrong_one, sentences)) and any("varied with it" in one for one in sentences)


def test_the_judge_of_effects_can_find_one():
    assert blames_the_wrong_one("By X shown to have an effect: alpha for GCN. It measures")
    assert blames_the_wrong_one("By X shown to have an effect: learning rate and temperature for GCN. It measures")
    assert not blames_the_wrong_one(
        "By X shown to have an effect: temperature (or learning rate, which varied with it) for GCN. It measures"
    )


# One study


def test_ties_stand_beside_the_highest_and_the_length_is_explained():
    sentence = said(gcn=scores(0.800, seed=1), fourier=scores(0.7999, seed=2), none=scores(0.7, seed=3),
                    itq=scores(0.6, seed=4))  # fmt: skip
    assert sentence.startswith("At 32 bits, the length that is shown where only one can be, ")
    assert "has the highest mean mAP, 0." in sentence and "(95% interval over seeds and queries 0.100 to" in sentence
    assert "; tied with GCN; " in sentence or "; tied with Fourier; " in sentence
    assert "shown to be above 2 of the 3 other rows." in sentence


def test_the_ablation_is_no_filter():
    """Above the baseline it is, and is not counted among the filters that are."""
    sentence = said(gcn=scores(0.8, seed=1), fourier=scores(0.5, seed=2), none=scores(0.9, seed=3),
                    itq=scores(0.6, seed=4))  # fmt: skip
    assert "No graph has the highest mean" in sentence
    assert "Of 2 graph filters 1 is shown to be above, 1 is shown to be below ITQ (0.6" in sentence
    assert "No graph, the ablation of the filters, is shown to be above ITQ" in sentence
    same = said(gcn=scores(0.8, seed=1), fourier=scores(0.8, seed=2), none=scores(0.9, seed=3), itq=scores(0.6, seed=4))
    assert "Of 2 graph filters all are shown to be above ITQ" in same
    assert same.endswith("So is No graph, their ablation.")


def test_other_methods_are_not_called_filters():
    sentence = said(("gcn", "sdc"), gcn=scores(0.8, seed=1), sdc=scores(0.8, seed=2), itq=scores(0.6, seed=4))
    assert "Of 2 methods all are shown to be above ITQ" in sentence and "ablation" not in sentence


@pytest.mark.parametrize("seeds", [1, FEWEST - 1])
def test_too_few_replicates_claim_nothing(seeds):
    rows = {"gcn": scores(0.9, seeds, seed=1), "none": scores(0.5, seeds, seed=2), "itq": scores(0.1, seeds, seed=3)}
    sentence = said(("gcn", "none"), **rows)
    assert not CLAIM.search(sentence) and "tied" not in sentence
    assert "not compared with all 2 other rows (too few replicates, a claim needs 3)" in sentence
    assert "The one graph filter is not compared with ITQ" in sentence
    assert worth_of_a_graph(["gcn", "none"], {16: column(**rows)}) == ""


def test_a_row_alone_is_no_comparison():
    assert said(("gcn",), "", gcn=scores(0.5)) == (
        "At 32 bits GCN has the highest mean mAP, 0.514 (95% interval over seeds and queries 0.100 to 0.900)."
    ).replace("0.514", f"{scores(0.5).values.mean():.3f}")


def test_what_is_said_of_all_lengths_is_corrected_for_all():
    """A p-value that a column alone would call a difference, beside nine columns of nothing."""
    rng = np.random.default_rng(0)
    columns = {}
    for bits in range(10):
        base = rng.standard_normal((5, 100))
        lead = 0.23 if bits == 0 else 0.0
        rows = {
            name: PerQuery(base * 0.1 + 0.1 * rng.standard_normal((5, 100)) + extra * 0.1, np.arange(5), np.arange(100),
                           False)
            for name, extra in (("gcn", lead), ("none", 0.0))
        }  # fmt: skip
        columns[bits] = column(**rows)
    alone = columns[0].pairs[0].adjusted
    corrected = together(columns)[0].pairs[0].adjusted
    assert corrected == pytest.approx(min(1.0, 10 * alone))
    assert columns[0].pairs[0].adjusted == alone  # the marks of the table are those of the column


def test_few_trials_are_said_to_be_few():
    trials = trials_of(np.random.default_rng(0), "confounded", 4)
    assert importances(SPEC, SPEC.methods, trials) == []  # twelve a method
    trials = trials_of(np.random.default_rng(0), "random", 6)
    few = importances(SPEC, SPEC.methods, trials.query("method == 'gcn'"))
    assert effects(few, ["chebyshev"]).endswith(
        "Not computed for Chebyshev: fewer than 15 complete trials that differ in score, or fewer than two "
        "hyperparameters."
    )
