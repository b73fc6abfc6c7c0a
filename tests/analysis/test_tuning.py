"""What tuning is worth, of scores that are known, against sums over them one by one."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.stats import special_ortho_group
from sklearn.decomposition import PCA

from analysis.arms import arms_of, arms_table, check_arms
from analysis.data import whole_data
from analysis.figures.tuning import expected_best_of_k
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords
from analysis.tables.tuning import transfer_table, tunability_table, tuning_curve_table
from analysis.tuning import transfer, tunability, tuning_curve, why_no_curve
from analysis.validation_level import validation_levels
from hasher.errors import UserError
from hasher.scoring import score_codes
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
    assert expected_best_of_k(results).drawing is not None and expected_best_of_k(results).draw().axes


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"sampler": {"name": "tpe"}}, "chosen by tpe"), ({"pruner": {"name": "median"}}, "pruned"),
     ({"first_trials": [{"learning_rate": 0.01}]}, "given")],
)  # fmt: skip
def test_other_trials_have_none_and_say_why(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    results = study(tmp_path, **changes)
    assert why in str(why_no_curve(results.study.spec)) and tuning_curve(results, Cell("digits", "gcn", 8)) is None
    assert not tuning_curve_table(results).rows
    figure = expected_best_of_k(results)
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


def several(tmp_path: Path) -> StudyRecords:
    """The same settings on three data sets, whose scores are known: the best of one is another's second or worst."""
    scores = {"a": [1, 2, 3, 4, 5, 6, 7], "b": [7, 2, 3, 4, 5, 6, 1], "c": [3, 1, 5, 2, 7, 6, 4]}
    values = {
        "name": "made", "datasets": [f"{name}.npz" for name in scores], "methods": ["gcn"],
        "bits": [8], "trials": 7, "epochs": 4, "sampler": {"name": "random"}, "pruner": {"name": "none"},
        "space": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}},
    }  # fmt: skip
    rows = [
        {"dataset": name, "method": "gcn", "bits": 8, "kind": "search", "index": index, "state": "complete",
         "learning_rate": 0.001 * (index + 1), "score": score / 10}
        for name, values in scores.items()
        for index, score in enumerate(values)
    ]  # fmt: skip
    return StudyRecords(StudyFolder(tmp_path), StudySpec.model_validate(values), pd.DataFrame(rows))


def test_a_transfer_loses_what_the_other_best_is_behind(tmp_path: Path) -> None:
    study = several(tmp_path)
    found = transfer(study, "gcn", 8)
    assert found is not None and list(found.datasets) == ["a", "b", "c"]
    expected = [[0.0, 0.6, 0.2], [0.6, 0.0, 0.2], [0.3, 0.4, 0.0]]
    assert found.regrets == pytest.approx(np.array(expected))
    assert found.median_losses == pytest.approx([0.3, 0.3, 0.3])
    (row,) = transfer_table(results_of(study, "b")).rows
    assert [entry.text for entry in row[2:]] == ["7", "0.700", "0.300", "0.600", "0.200"]
    assert not transfer_table(study_of_one(study)).rows


def study_of_one(study: StudyRecords) -> DatasetResults:
    spec = study.spec.model_copy(update={"datasets": study.spec.datasets[:1]})
    rows = study.records[study.records["dataset"] == "a"]
    return results_of(StudyRecords(study.folder, spec, rows), "a")


def test_itqs_line_is_that_of_another_implementation_on_the_items_that_trials_see(tmp_path: Path) -> None:
    results = study(tmp_path)
    levels = validation_levels(results, "itq")
    data = whole_data(results.study, "digits")
    split = data.splits.search
    assert not set(split.queries) & set(data.splits.final.queries)
    for bits in (8, 16):
        components = PCA(bits).fit(data.dataset.features[split.train])
        queries, database = (
            components.transform(data.dataset.features[rows]) for rows in (split.queries, split.database)
        )
        theirs = []
        for seed in range(5):
            rotation = special_ortho_group.rvs(bits, random_state=seed)
            for _ in range(50):
                rotation = orthogonal_procrustes(database, np.sign(database @ rotation))[0]
            codes = (part @ rotation > 0 for part in (queries, database))
            theirs.append(score_codes(data.dataset, split, *codes, 200).map)
        assert levels[bits] == pytest.approx(np.mean(theirs), abs=0.03)
    lost = StudyRecords(results.study.folder, LOST, results.study.records)
    assert not validation_levels(results_of(lost, "lost"), "itq")
    table = tuning_curve_table(results)
    first = dict(zip([column.name for column in table.columns], table.rows[0], strict=True))
    above = [k for k in range(1, TRIALS + 1) if best_of(scores(results, 8), k) > levels[8]]
    assert first["to_rival"].text == (str(above[0]) if above else f"> {TRIALS}")


def best_of(values: list[float], k: int) -> float:
    return float(np.mean([max(subset) for subset in combinations(values, k)]))


LOST = StudySpec.model_validate({
    "name": "made", "datasets": ["lost.npz"], "methods": ["gcn"], "bits": [8], "trials": 3,
    "epochs": 1,
})  # fmt: skip


def test_another_sampler_stands_beside_random_trials(tmp_path: Path) -> None:
    random = study(tmp_path)
    first, second = (study(tmp_path, sampler={"name": "tpe"}, seed=seed) for seed in (1, 2))
    cell = random.cell("gcn", 8)
    ours, theirs = arms_of([random, first, second], cell)
    curve = tuning_curve(random, cell)
    assert curve is not None and (ours.name, theirs.name, theirs.searches) == ("random", "tpe", 2)
    assert list(ours.best) == list(curve.expected)
    known = [value if state == "complete" else 0.0 for value, state in zip(
        scores(first, 8), first.study.runs("search", cell)["state"], strict=True)]  # fmt: skip
    assert list(theirs.best) == pytest.approx([max(known[: k + 1]) for k in range(TRIALS)])
    assert theirs.trials_to_pass(theirs.best[0]) == next(
        k + 1 for k in range(TRIALS) if theirs.best[k] > theirs.best[0]
    )
    assert theirs.trials_to_pass(1.0) is None
    table = arms_table([random, first, second])
    assert [row[2].text for row in table.rows] == ["random", "tpe"] * 2
    check_arms([one.study for one in (random, first)])
    with pytest.raises(UserError, match="the first study is the random arm"):
        check_arms([one.study for one in (first, random)])
    with pytest.raises(UserError, match="more than its search:\n  epochs"):
        check_arms([random.study, study(tmp_path, epochs=9).study])


def test_one_length_or_few_common_settings_have_none(tmp_path: Path) -> None:
    results = study(tmp_path)
    few = results.study.records[results.study.records["index"] < 7]
    one = results.study.records[results.study.records["bits"] == 8]
    for rows in (few, one):
        other = results_of(StudyRecords(results.study.folder, results.study.spec, rows), "digits")
        assert tunability(other, "gcn") is None and not tunability_table(other).rows
