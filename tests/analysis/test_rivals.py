"""HAGCN against the other families, in studies whose truth is known: what is said of them, and by which tests."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

from analysis.claims.families import answer
from analysis.per_query import PerQuery, difference
from analysis.report_facts import answer_in_words
from analysis.results import results_of
from analysis.rivals import by_test, by_validation, has_rivals
from analysis.statistics.column import Pair, compare_with
from analysis.statistics.intervals import Interval
from analysis.statistics.paired import PairedTest, holm, paired_test
from analysis.statistics.verdict import verdict
from analysis.study_records import StudyRecords, load_study
from analysis.tables import write_tables
from analysis.tables.formats import to_csv
from analysis.tables.rivals import rivals_by_test_table, rivals_table
from analysis.tables.scores import main_table
from analysis.tables.table import MISSING
from analysis.verify import verify
from tests.analysis.synthetic import LEVELS, Truth, make_spec, write_study

METHODS = ["none", "gcn", "fourier", "toy_agh", "toy_sdc", "toy_crovca"]
#: HAGCN's best is far above every rival; the other rivals differ from these in one test each.
LEAD = {**LEVELS, "gcn": 0.50, "fourier": 0.55, "none": 0.45, "toy_agh": 0.40, "toy_sdc": 0.44, "toy_crovca": 0.42,
        "lsh": 0.30, "pca_sign": 0.30, "itq": 0.40}  # fmt: skip


def study_of(runs, levels=None, ending=None, **changes):
    """No trial is worse than another, so that validation scores are the levels but for their noise."""
    spec = make_spec(**{
        "datasets": ["vectors.npz"], "methods": METHODS, "bits": [16, 32], "trials": 2, "replicates": 4, "epochs": 4,
        "fixed": {}, "space": {"anchors": {"type": "int", "low": 50, "high": 500}}, **changes,
    })  # fmt: skip
    truth = Truth(levels={**LEAD, **(levels or {})}, method_query=0.0, noise=0.005)
    return load_study(write_study(runs, spec, truth, **({} if ending is None else {"ending": ending})))


@pytest.fixture
def made(rivals, tmp_path):
    """Makes a study and returns its results on vectors."""
    return lambda levels=None, ending=None, **changes: results_of(
        study_of(tmp_path / str(len(list(tmp_path.iterdir()))), levels, ending, **changes), "vectors"
    )


def said(results):
    return answer([by_validation(results, bits) for bits in results.bits])


def rows_of(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def standings(results):
    return {by_validation(results, bits).verdict.standing for bits in results.bits}


# Verdicts by hand


def pair(second, lead, adjusted):
    return Pair("a", second, PairedTest(lead, Interval(lead - 0.01, lead + 0.01), adjusted / 2), adjusted)


UNTESTED = Pair("a", "z", None, None, "too few replicates")


@pytest.mark.parametrize(
    ("pairs", "standing", "named"),
    [
        ([pair("b", 0.1, 0.001), pair("c", 0.2, 0.004)], "first", ""),
        ([pair("b", 0.1, 0.001), pair("c", 0.02, 0.006), pair("d", -0.02, 0.006)], "tied for first", "cd"),
        ([pair("b", -0.1, 0.001), pair("c", -0.2, 0.004), pair("d", -0.3, 0.3)], "beaten", "cb"),
        ([pair("b", 0.1, 0.001), UNTESTED], "not told", "z"),
        ([pair("b", -0.1, 0.001), UNTESTED], "beaten", "b"),
        ([], "not told", ""),
    ],
)
def test_verdicts(pairs, standing, named):
    found = verdict(pairs)
    assert found.standing == standing and [one.second for one in found.pairs] == list(named)


def test_of_equals_one_column_in_twenty_is_called_otherwise():
    """A row and two equals of it, seed and query effects in each, over 300 columns."""
    rng = np.random.default_rng(0)

    def equals():
        shared = rng.standard_normal((1, 50)) + 0.1 * rng.standard_normal((5, 1))
        own = {name: 0.3 * rng.standard_normal((1, 50)) + 0.04 * rng.standard_normal((5, 1)) for name in "abc"}
        return {
            name: PerQuery(shared + one + 0.2 * rng.standard_normal((5, 50)), np.arange(5), np.arange(50), fixed=False)
            for name, one in own.items()
        }

    found = [verdict(compare_with("a", "bc", equals())).standing for _ in range(300)]
    claims = np.mean([standing != "tied for first" for standing in found])
    assert claims < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


# Studies whose truth is known


def test_a_clear_win(made):
    results = made()
    assert said(results) == "HAGCN's best filter is first in 2 of 2 columns."
    for bits in results.bits:
        one = by_validation(results, bits)
        assert one.ours == "fourier" and by_test(results, bits).verdict.standing == "first"
        assert [found.second for found in one.pairs] == ["lsh", "pca_sign", "itq", "toy_agh", "toy_sdc"]


def test_a_tie(made):
    results = made({"toy_sdc": 0.55})
    assert said(results) == "HAGCN's best filter is tied for first in 2 of 2 columns."
    assert rows_of(rivals_table(results))[0]["verdict"] == "tied for first with Toy SDC"


def test_beaten_says_by_whom_and_by_how_much(made):
    results = made({"toy_crovca": 0.60, "toy_agh": 0.58})
    sentence = said(results)
    assert sentence.startswith(
        "HAGCN's best filter is first or tied for first in 0 of 2 columns; beaten at 16 bits by "
    )
    leads = re.findall(r"at (\d+) bits by (.*?) by (0\.\d+) \[(0\.\d+), (0\.\d+)\]", sentence)
    assert [(bits, name) for bits, name, *_ in leads] == [("16", "Toy CroVCA"), ("32", "Toy CroVCA")]
    for bits, _, *numbers in leads:
        ours, theirs = (results.scores(results.cell(name, int(bits))) for name in ("fourier", "toy_crovca"))
        test = paired_test(difference(theirs, ours))
        expected = (test.difference, test.interval.low, test.interval.high)
        assert [float(number) for number in numbers] == pytest.approx(expected, abs=5.1e-4)


def test_all_kinds_of_column_are_counted(made):
    won, tied, lost = (by_validation(made({"toy_sdc": level}), 16) for level in (0.44, 0.55, 0.65))
    assert [one.verdict.standing for one in (won, tied, lost)] == ["first", "tied for first", "beaten"]
    assert answer([won, tied, lost]).startswith(
        "HAGCN's best filter is first or tied for first in 2 of 3 columns (first in 1, tied in 1); "
        "beaten at 16 bits by Toy SDC by 0."
    )


def test_nothing_is_claimed_of_one_replicate(made):
    results = made({"toy_crovca": 0.9}, replicates=1)
    sentence = said(results)
    assert sentence.startswith("HAGCN against the other families: not told in any column. Not told in 2: 16 bits: ")
    assert "too few replicates (" in sentence and "beaten" not in sentence
    random = [row for row in rows_of(rivals_table(results)) if row["method"] not in ("pca_sign", MISSING)]
    assert {row["p_holm"] for row in random} == {MISSING}
    assert all("not told" in row["verdict"] for row in rows_of(rivals_by_test_table(results)))


def test_a_family_without_a_winner_is_left_out_and_named(made):
    results = made(ending=lambda task: "diverged" if task.cell.method == "toy_agh" else "complete")
    assert said(results) == (
        "HAGCN's best filter is first in 2 of 2 columns. Without a score, and left out: 16 bits: Anchor hashes; "
        "32 bits: Anchor hashes."
    )
    rows = [row for row in rows_of(rivals_table(results)) if row["family"] == "Anchor hashes"]
    assert [(row["method"], row["score"], row["verdict"]) for row in rows] == [(MISSING, MISSING, "no score")] * 2


def test_a_choice_that_was_never_tested_is_not_replaced_by_the_next(made):
    """To fall back on a method because it has test scores would be to choose by the test."""

    def ending(task):
        return None if (task.cell.method, task.kind) == ("toy_crovca", "test") else "complete"

    results = made({"toy_crovca": 0.50}, ending)
    assert standings(results) == {"not told"}
    assert "no scores by query (Toy CroVCA)" in said(results)


def test_without_a_filter_that_has_a_winner_nothing_is_told(made):
    results = made(ending=lambda task: None if task.cell.method in ("gcn", "fourier") else "complete")
    assert "16 bits: HAGCN has no winner" in said(results)
    assert rows_of(rivals_table(results))[0]["verdict"] == "not told: HAGCN has no winner"
    assert rows_of(rivals_by_test_table(results))[0]["ours"] == MISSING


# How it is chosen and tested


def test_families_stand_by_validation_and_not_by_the_test(made):
    """Two methods' validation scores are raised after the fact: they then stand, whatever they scored on the test."""
    results = made({"toy_sdc": 0.50})
    assert by_validation(results, 16).pairs[-1].second == "toy_sdc"
    study, raised = results.study, results.study.records.copy()
    raised.loc[raised["method"].isin(["toy_crovca", "gcn"]) & (raised["kind"] == "search"), "score"] += 0.2
    other = results_of(StudyRecords(study.folder, study.spec, raised), "vectors")
    one = by_validation(other, 16)
    assert (one.ours, one.pairs[-1].second) == ("gcn", "toy_crovca")
    assert by_test(other, 16).ours == "fourier"  # the test scores are as they were


def test_p_values_are_of_the_comparisons_that_were_planned(made):
    """Corrected over both columns, since the answer is about both."""
    results = made({"toy_sdc": 0.55})
    found = {bits: by_validation(results, bits) for bits in results.bits}

    def p_value(bits, ours, theirs):
        ours, theirs = (results.scores(results.cell(name, bits)) for name in (ours, theirs))
        return paired_test(difference(ours, theirs)).p_value

    plain = [p_value(bits, one.ours, pair.second) for bits, one in found.items() for pair in one.pairs]
    assert [pair.adjusted for one in found.values() for pair in one.pairs] == pytest.approx(holm(plain))
    one = found[16]
    by_row = {row["method"]: row for row in rows_of(rivals_table(results)) if row["bits"] == "16"}
    assert list(by_row) == [one.ours, "none", *(found.second for found in one.pairs)]
    alone = holm([p_value(bits, one.ours, "none") for bits, one in found.items()])  # comparisons of their own
    assert float(by_row["none"]["p_holm"]) == pytest.approx(alone[0], rel=1e-5)


def test_chosen_on_the_test_the_tests_are_those_of_all_pairs(made):
    results = made({"toy_sdc": 0.55})
    for found in by_test(results, 16).pairs:
        assert found == results.claimed[16].between("fourier", found.second)
    plain = [pair.test.p_value for column in results.columns.values() for pair in column.pairs]
    corrected = [pair.adjusted for column in results.claimed.values() for pair in column.pairs]
    assert corrected == pytest.approx(holm(plain))
    row = rows_of(rivals_by_test_table(results))[0]
    assert (row["ours"], row["method"]) == ("fourier", "toy_sdc")
    means = [results.summary(results.cell(name, 16))["score_mean"] for name in ("fourier", "toy_sdc")]
    assert float(row["difference"]) == pytest.approx(np.subtract(*means))


# Where it is said


def test_it_is_said_under_the_main_table_and_at_the_head_of_the_report(rivals, tmp_path):
    study = study_of(tmp_path, datasets=["vectors.npz", "others.npz"], bits=[16])
    notes = main_table(results_of(study, "vectors")).notes
    assert any(one.startswith("HAGCN's best filter is first in 1 of 1 column. Every family stands by") for one in notes)
    assert answer_in_words(study) == "HAGCN's best filter is first in 2 of 2 columns."
    write_tables(study)
    for name in ("", "-by-test"):
        assert (study.folder.tables / f"others-hagcn-against-rivals{name}.csv").exists()
    assert verify(study) == []


@pytest.mark.parametrize("methods", [["none", "gcn"], ["none", "toy_sdc"], ["gcn", "itq"], ["itq", "toy_sdc"]])
def test_it_is_said_only_where_the_study_searched_both(rivals, tmp_path, methods):
    study = study_of(tmp_path, methods=methods, bits=[16])
    results = results_of(study, "vectors")
    assert not has_rivals(results) and answer_in_words(study) is None
    assert not any("best filter" in note or "Families" in note for note in main_table(results).notes)
    write_tables(study)
    assert not list(study.folder.tables.glob("*rivals*"))
