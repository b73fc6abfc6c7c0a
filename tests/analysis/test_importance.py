"""Importances from the records against Optuna asked directly, and what too few trials give."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

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
    found = importances(study.spec, "gcn", results_of(study, "digits").complete)
    assert found.trials == len(complete)
    assert list(found.shares) == list(expected)
    assert found.shares == pytest.approx(expected)


def test_what_decides_the_score_stands_out_and_what_does_not_does_not(one_cell):
    """The scores of the synthetic studies depend on the learning rate, and not at all on alpha."""
    spec = load_study(one_cell).spec
    rng = np.random.default_rng(1)
    rates = 10 ** rng.uniform(-3.3, -2, 60)
    trials = pd.DataFrame(
        {
            "method": "gcn", "bits": 16, "knn_size": rng.integers(4, 25, 60), "ae_width": rng.choice([128, 256], 60),
            "alpha": rng.uniform(0.5, 4, 60), "learning_rate": rates, "shortfall": -abs(rates - 0.002),
        }
    )  # fmt: skip
    found = importances(spec, "gcn", trials)
    assert next(iter(found.shares)) == "learning_rate"
    assert found.shares["learning_rate"] > found.by_chance["learning_rate"]
    assert found.shares["alpha"] < found.by_chance["alpha"]
    assert sum(found.shares.values()) == pytest.approx(1)


def test_too_few_trials_give_none_rather_than_noise(one_cell):
    study = load_study(one_cell)
    complete = results_of(study, "digits").complete
    assert importances(study.spec, "gcn", complete.head(FEWEST_TRIALS)) is not None
    assert importances(study.spec, "gcn", complete.head(FEWEST_TRIALS - 1)) is None
    assert importances(study.spec, "gcn", complete.assign(shortfall=0.0)) is None
    assert importances(study.spec, "lanczos", complete) is None
    alone = study.spec.model_copy(update={"space": {"alpha": study.spec.space["alpha"]}})
    assert importances(alone, "gcn", complete) is None  # of one hyperparameter it would be 1, whatever it does


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
