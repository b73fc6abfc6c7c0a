"""A study with another objective: its tables and tests follow it, what is about mAP stays with mAP."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from synthetic import make_spec, write_study

from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables.against_paper import against_paper_table
from analysis.tables.scores import main_table
from analysis.tables.statistics import intervals_table


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    """Records in which map and map_at_k disagree about the best trial and about the best method."""
    spec = make_spec(name="at_k", methods=["gcn", "none"], bits=[16], trials=4, replicates=3, objective="map_at_k")
    path = write_study(tmp_path_factory.mktemp("runs"), spec, ending=lambda task: "complete")
    for file in path.glob("evaluations/*/none-16-*.npz"):
        arrays = dict(np.load(file))
        arrays["map_at_k_by_query"] = np.clip(arrays["map_by_query"] + 0.3, 0, 1)
        np.savez_compressed(file, **arrays)
    records = load_study(path).records.drop(columns="score")
    own = (records["method"] == "none") & (records["kind"] == "test")
    for row in records[own].index:
        arrays = np.load(path / f"evaluations/digits/none-16-{records.loc[row, 'index']}.npz")
        records.loc[row, "map_at_k"] = arrays["map_at_k_by_query"].mean()
    search = (records["method"] == "gcn") & (records["kind"] == "search")
    records.loc[search, "map"] = [0.9, 0.1, 0.2, 0.3]
    records.loc[search, "map_at_k"] = [0.1, 0.2, 0.9, 0.3]
    records.to_csv(path / "records.csv", index=False)
    return load_study(path)


def test_the_winner_the_table_and_its_marks_are_its(study):
    results = results_of(study, "digits")
    assert study.winner(results.cell("gcn", 16))["index"] == 2
    table = main_table(results)
    assert table.title == "Digits: mAP@200 by method and code length"
    entries = {row[0].raw: row[1] for row in table.rows}
    tests = study.records[(study.records["kind"] == "test") & (study.records["method"] == "none")]
    assert entries["none"].text.startswith(f"{statistics.mean(tests['map_at_k']):.3f} ")
    assert entries["none"].mark == "best"  # by map it is far behind
    means = study.records[study.records["kind"] == "test"].groupby("method")["map"].mean()
    assert means["gcn"] > means["none"] + 0.03


def test_intervals_and_tests_are_of_its_values_by_query(study):
    results = results_of(study, "digits")
    values = np.stack([study.evaluation("test", results.cell("none", 16), i)["map_at_k_by_query"] for i in range(3)])
    scores = results.scores(results.cell("none", 16))
    assert scores is not None
    np.testing.assert_array_equal(scores.values, values)
    pair = results.column(16).between("none", "gcn")
    assert pair is not None and pair.test is not None and pair.test.difference > 0.05
    assert "confidence intervals of mAP@200" in intervals_table(results).title


def test_what_is_about_map_stays_with_map(study):
    results = results_of(study, "digits")
    rows = {row[0].raw: row for row in against_paper_table(results).rows}
    place = [column.name for column in against_paper_table(results).columns].index("map")
    tests = study.records[(study.records["kind"] == "test") & (study.records["method"] == "none")]
    assert float(rows["none"][place].raw) == pytest.approx(tests["map"].mean())
    assert results.ladders[results.cell("none", 16)].signs == pytest.approx(tests["map"].mean())
