"""Importances from the records against Optuna asked directly, and what too few trials give."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from analysis.claims.effects import effects
from analysis.importance import BEST_TRIALS, FEWEST_TRIALS, as_sampled, importances
from analysis.results import results_of
from analysis.study_records import load_study
from study.plan.dimensions import Dimension
from study.plan.tasks import Cell
from study.record.sampling import open_storage
from study.record.stored import study_names
from tests.analysis.synthetic import in_journal, make_spec, write_study


@pytest.fixture(scope="module")
def one_cell(tmp_path_factory):
    spec = make_spec(name="cell", methods=["gcn"], bits=[16], trials=24, replicates=1)
    return write_study(tmp_path_factory.mktemp("runs"), spec, ledger_in=in_journal)


def test_a_single_cell_agrees_with_optuna_on_its_own_study(one_cell):
    study = load_study(one_cell)
    stored = optuna.load_study(
        study_name=study_names(study.spec)[Cell("digits", "gcn", 16)],
        storage=open_storage(str(one_cell / "journal.log")),
    )
    complete = [trial for trial in stored.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST_TRIALS / len(complete))
    expected = get_param_importances(stored, evaluator=evaluator)
    (found,) = importances(study.spec, ["gcn"], results_of(study, "digits").complete)
    assert found.trials == len(complete)
    assert list(found.of) == list(expected)
    assert {name: one.share for name, one in found.of.items()} == pytest.approx(expected)


def trials_of(count, rng, **columns):
    table = {
        "method": "gcn", "bits": rng.choice([16, 32], count), "knn_size": rng.integers(4, 25, count),
        "ae_width": rng.choice([128, 256], count), "alpha": rng.uniform(0.5, 4, count),
        "learning_rate": 10 ** rng.uniform(-3.3, -2, count),
    }  # fmt: skip
    return pd.DataFrame({**table, **columns})


def test_what_decides_the_score_stands_out_and_what_does_not_does_not(one_cell):
    trials = trials_of(60, np.random.default_rng(1))
    trials["shortfall"] = -abs(trials["learning_rate"] - 0.002)
    (found,) = importances(load_study(one_cell).spec, ["gcn"], trials)
    assert next(iter(found.of)) == "learning_rate"
    assert [name for name, one in found.of.items() if one.shown] == ["learning_rate"]
    for one in found.of.values():
        assert one.shown == (one.share > one.by_chance)
    assert found.of["learning_rate"].together == ()
    assert sum(one.share for one in found.of.values()) == pytest.approx(1)


def test_what_goes_along_with_the_cause_is_not_told_from_it(one_cell):
    """Alpha has no effect and follows the learning rate, which has; nobody could say which of them it is."""
    trials = trials_of(60, np.random.default_rng(1))
    trials["shortfall"] = np.log(trials["learning_rate"])
    trials["alpha"] = 0.5 + 3.5 * (np.log10(trials["learning_rate"]) + 3.3) / 1.3
    (found,) = importances(load_study(one_cell).spec, ["gcn"], trials)
    assert found.of["alpha"].shown and found.of["alpha"].together == ("learning_rate",)
    said = effects([found], [])
    assert "learning rate (or alpha, which varied with it) for GCN" in said or (
        "alpha (or learning rate, which varied with it) for GCN" in said
    )


def test_cells_that_differ_are_no_effect(one_cell):
    """One length has larger alphas and larger shortfalls; within each, alpha does nothing."""
    rng = np.random.default_rng(3)
    trials = trials_of(60, rng, bits=np.repeat([16, 32], 30))
    trials["alpha"] = np.where(trials["bits"] == 16, rng.uniform(0.5, 1, 60), rng.uniform(3, 4, 60))
    trials["shortfall"] = np.where(trials["bits"] == 16, 0.0, -1.0) + 0.1 * rng.standard_normal(60)
    (found,) = importances(load_study(one_cell).spec, ["gcn"], trials)
    assert found.of["alpha"].share > 0.5 and not any(one.shown for one in found.of.values())


def test_too_few_trials_give_none_rather_than_noise(one_cell):
    study = load_study(one_cell)
    complete = results_of(study, "digits").complete
    assert importances(study.spec, ["gcn"], complete.head(FEWEST_TRIALS))
    assert importances(study.spec, ["gcn"], complete.head(FEWEST_TRIALS - 1)) == []
    assert importances(study.spec, ["gcn"], complete.assign(shortfall=0.0)) == []
    assert importances(study.spec, ["lanczos"], complete) == []
    alone = study.spec.model_copy(update={"space": {"alpha": study.spec.space["alpha"]}})
    assert importances(alone, ["gcn"], complete) == []  # of one hyperparameter it would be 1, whatever it does


@pytest.mark.parametrize(
    ("dimension", "stored", "sampled"),
    [
        (Dimension(type="categorical", choices=[128, 256]), 256.0, 256),
        (Dimension(type="categorical", choices=["a", "b"]), "b", "b"),
        (Dimension(type="categorical", choices=[True, False]), "False", False),
        (Dimension(type="int", low=4, high=24, log=True), 8.0, 8),
        (Dimension(type="float", low=0.1, high=0.3), 0.30000000000000004, 0.3),
    ],
)
def test_values_come_back_from_csv_as_they_were_sampled(dimension, stored, sampled):
    found = as_sampled(dimension, stored)
    assert found == sampled and type(found) is type(sampled)
    assert dimension.distribution._contains(dimension.distribution.to_internal_repr(found))
