"""What tuning is worth, of scores that are known, against sums over them one by one."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.figures.tuning import tuning_curves
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords
from analysis.tables.tuning import tunability_table, tuning_curve_table
from analysis.tuning import tunability, tuning_curve, why_no_curve
from study.plan.spec import StudySpec
from study.plan.tasks import Cell
from study.record.study_folder import StudyFolder

TRIALS = 11


def study(tmp_path: Path, **changes: Any) -> DatasetResults:
    """One method at two lengths, eleven trials each: the same settings under the same index but for the last two."""
    values = {
        "name": "made", "datasets": ["digits"], "methods": ["gcn"], "bits": [8, 16], "trials": TRIALS, "epochs": 4,
        "sampler": {"name": "random"}, "pruner": {"name": "none"},
        "space": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}}, **changes,
    }  # fmt: skip
    rng = np.random.default_rng(3)
    rows = [
        {"dataset": "digits", "method": "gcn", "bits": bits, "kind": "search", "index": index, "state": "complete",
         "learning_rate": 0.001 * (index + 1) + (0.01 * bits if index >= TRIALS - 2 else 0.0), "score": rng.uniform()}
        for bits in (8, 16)
        for index in range(TRIALS)
    ]  # fmt: skip
    rows[2]["state"] = "pruned"
    rows[3] |= {"state": "diverged", "score": float("nan")}
    spec = StudySpec.model_validate(values)
    return results_of(StudyRecords(StudyFolder(tmp_path), spec, pd.DataFrame(rows)), "digits")


def scores(results: DatasetResults, bits: int) -> list[float]:
    return results.study.runs("search", Cell("digits", "gcn", bits))["score"].fillna(0).tolist()


def test_the_curve_is_over_all_subsets_and_a_trial_without_a_score_counts(tmp_path: Path) -> None:
    results = study(tmp_path)
    for bits in (8, 16):
        curve = tuning_curve(results, Cell("digits", "gcn", bits))
        assert curve is not None
        best = [max(subset) for subset in combinations(scores(results, bits), 3)]
        assert curve.expected[2] == pytest.approx(np.mean(best))
        assert (curve.low[2], curve.high[2]) == (
            np.quantile(best, 0.05, method="inverted_cdf"), np.quantile(best, 0.95, method="inverted_cdf"),
        )  # fmt: skip
        reached = curve.trials_to(float(curve.expected[4]))
        assert reached == 5 and curve.trials_to(2.0) is None
    table = tuning_curve_table(results)
    assert [column.name for column in table.columns][2:6] == ["best_of_1", "best_of_2", "best_of_4", "best_of_8"]
    assert tuning_curves(results).drawing is not None and tuning_curves(results).draw().axes


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"sampler": {"name": "tpe"}}, "chosen by tpe"), ({"pruner": {"name": "median"}}, "pruned"),
     ({"first_trials": [{"learning_rate": 0.01}]}, "given")],
)  # fmt: skip
def test_other_trials_have_none_and_say_why(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    results = study(tmp_path, **changes)
    assert why in str(why_no_curve(results.study.spec)) and tuning_curve(results, Cell("digits", "gcn", 8)) is None
    assert not tuning_curve_table(results).rows
    figure = tuning_curves(results)
    assert figure.drawing is None and why in figure.caption


def test_the_default_is_the_best_on_average_of_what_all_lengths_tried(tmp_path: Path) -> None:
    results = study(tmp_path)
    found = tunability(results, "gcn")
    assert found is not None
    assert list(found.trials) == [0, 1, 4, 5, 6, 7, 8]  # 2 was pruned, 3 diverged, 9 and 10 are other settings
    of = {bits: {index: scores(results, bits)[index] for index in found.trials} for bits in (8, 16)}
    default = max(found.trials, key=lambda index: of[8][index] + of[16][index])
    assert found.trials[found.default] == default
    best = {bits: max(of[bits], key=lambda index, bits=bits: of[bits][index]) for bits in of}
    for place, bits in enumerate((8, 16)):
        assert found.gains[place] == pytest.approx(of[bits][best[bits]] - of[bits][default])
        for other, column in enumerate((8, 16)):
            assert found.regrets[place, other] == pytest.approx(of[bits][best[bits]] - of[bits][best[column]])
    assert len(tunability_table(results).rows) == 2


def test_one_length_or_few_common_settings_have_none(tmp_path: Path) -> None:
    results = study(tmp_path)
    few = results.study.records[results.study.records["index"] < 7]
    one = results.study.records[results.study.records["bits"] == 8]
    for rows in (few, one):
        other = results_of(StudyRecords(results.study.folder, results.study.spec, rows), "digits")
        assert tunability(other, "gcn") is None and not tunability_table(other).rows
