"""A study that is searched for another score than mAP: what follows it, and what stays on mAP.

The records are of a world in which `map_at_k` has the last trial and the last method of `map` first.
"""

from __future__ import annotations

import csv
import io
import statistics

import numpy as np
import pytest
from rich.console import Console

from analysis.compare import comparison_table
from analysis.explain import explain, find_cell
from analysis.figures import dataset_figures
from analysis.ladder import ladder
from analysis.report import write_report
from analysis.report_facts import plan_in_words, scores_table
from analysis.results import results_of
from analysis.statistics.intervals import bootstrap_interval
from analysis.statistics.paired import holm, paired_test
from analysis.study_records import load_study
from analysis.tables import write_tables
from analysis.tables.against_paper import against_paper_table
from analysis.tables.cost import cost_by_method_table
from analysis.tables.formats import to_csv
from analysis.tables.hyperparameters import hyperparameter_table
from analysis.tables.ladder import ladder_table
from analysis.tables.scores import cells_table, main_table
from analysis.tables.statistics import best_table, intervals_table, order_table, pairs_table, selection_table
from analysis.tables.table import MISSING
from analysis.verify import verify
from study.plan.tasks import NO_BITS, Cell
from tests.analysis.synthetic import Truth, in_journal, make_spec, the_other_way, write_study

#: Not the default, which a text could name without looking.
K = 50
TITLE = f"mAP@{K}"
METHODS = ["none", "gcn", "chebyshev", "fourier"]
SPEC = make_spec(objective="map_at_k", k=K, methods=METHODS, trials=12, replicates=3, epochs=8)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return load_study(
        write_study(tmp_path_factory.mktemp("runs"), SPEC, Truth(at_k=the_other_way), ledger_in=in_journal)
    )


@pytest.fixture(scope="module")
def results(study):
    return results_of(study, "digits")


@pytest.fixture(scope="module")
def drawn(study):
    figures = [figure for section in dataset_figures(study, "digits").values() for figure in section]
    return {figure.key: figure.draw() for figure in figures if figure.drawing is not None}


def rows_of(table):
    """The table as its CSV file has it, by (method, bits) or by method."""
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    return {(row["method"], row["bits"]) if "bits" in row else row["method"]: row for row in rows}


def headings(table):
    return [column.heading for column in table.columns]


def test_runs(study, method, bits):
    """The records of a cell's test runs, taken by hand; a reference has those of no length."""
    tests = study.records.query("kind == 'test' and state == 'complete'")
    return tests[(tests["method"] == method) & (tests["bits"] == (NO_BITS if method.startswith("float") else bits))]


test_runs.__test__ = False


def arrays_of(study, method, bits):
    """`map_at_k` by replicate and query, from the files."""
    folder = study.folder.path / "evaluations" / "digits"
    length = NO_BITS if method.startswith("float") else bits
    return np.stack([np.load(folder / f"{method}-{length}-{index}.npz")["map_at_k_by_query"]
                     for index in test_runs(study, method, bits)["index"]])  # fmt: skip


def test_the_scores_disagree_about_the_best_trial_and_the_best_method(study):
    """What the other tests rest on."""
    search = study.records.query("kind == 'search' and state == 'complete'")
    for _, trials in search.groupby(["method", "bits"]):
        assert trials["map"].idxmax() != trials["map_at_k"].idxmax()
    for bits in SPEC.bits:
        means = {name: test_runs(study, name, bits)[["map", "map_at_k"]].mean() for name in [*METHODS, "itq"]}
        first = {score: max(means, key=lambda name: means[name][score]) for score in ("map", "map_at_k")}
        assert first["map"] != first["map_at_k"]


def test_the_winner_is_the_best_by_it_and_the_replicates_are_trained_like_that(study, results):
    search = study.records.query("kind == 'search' and state == 'complete'")
    for (method, bits), trials in search.groupby(["method", "bits"]):
        best = trials.loc[trials["map_at_k"].idxmax()]
        assert study.winner(Cell("digits", method, bits))["index"] == best["index"]
        assert set(test_runs(study, method, bits)["learning_rate"]) == {best["learning_rate"]}
        assert set(test_runs(study, method, bits)["epochs"]) == {best["chosen_epoch"]}
    assert results.winners["map_at_k"].is_monotonic_decreasing and not results.winners["map"].is_monotonic_decreasing
    row = rows_of(hyperparameter_table(results, results.searched))["gcn", "16"]
    winner = study.winner(Cell("digits", "gcn", 16))
    assert float(row["validation_score"]) == pytest.approx(winner["map_at_k"]) and row["trial"] == str(winner["index"])
    assert f"Validation {TITLE}" in headings(hyperparameter_table(results, results.searched))


def test_the_main_table_has_its_means_and_marks_the_best_by_it(study, results):
    table = main_table(results)
    assert table.title == f"Digits: {TITLE} by method and code length"
    rows = rows_of(table)
    for bits in SPEC.bits:
        means = {}
        for method in rows:
            values = test_runs(study, method, bits)["map_at_k"].tolist()
            means[method] = statistics.mean(values)
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            assert rows[method][str(bits)].replace("\N{MINUS SIGN}", "-") == f"{means[method]:.3f}{spread}"
        place = 1 + SPEC.bits.index(bits)
        (marked,) = [row[0].raw for row in table.rows if row[place].mark == "best"]
        assert marked == max(means, key=means.get)


def test_the_paired_tests_and_their_marks_are_of_it(study, results):
    for bits in SPEC.bits:
        expected = {}
        for pair in results.column(bits).pairs:
            difference = arrays_of(study, pair.first, bits) - arrays_of(study, pair.second, bits)
            expected[pair.first, pair.second] = paired_test(difference)
        adjusted = holm([test.p_value for test in expected.values()])
        listed = [row for row in csv.DictReader(io.StringIO(to_csv(pairs_table(results)))) if row["bits"] == str(bits)]
        assert len(listed) == len(expected) == 28  # pairs of 4 methods, 3 baselines and float cosine
        for row, (names, test), p in zip(listed, expected.items(), adjusted, strict=True):
            assert (row["first"], row["second"]) == names
            assert float(row["difference"]) == pytest.approx(test.difference)
            assert [float(row["low"]), float(row["high"])] == pytest.approx([test.interval.low, test.interval.high])
            assert float(row["p_holm"]) == pytest.approx(p, rel=1e-5)
        against_best = {
            name: p for names, p in zip(expected, adjusted, strict=True) if results.column(bits).best in names
            for name in names if name != results.column(bits).best
        }  # fmt: skip
        tied = {row[0].raw for row in main_table(results).rows if row[1 + SPEC.bits.index(bits)].mark == "tied"}
        assert tied == {name for name, p in against_best.items() if p >= 0.05}
    assert best_table(results).notes[0].startswith(f"{TITLE} minus that of the best")
    assert pairs_table(results).notes[0].startswith(f"Difference: {TITLE} ")


def test_intervals_are_of_it(study, results):
    table = intervals_table(results)
    assert table.title == f"Digits: confidence intervals of {TITLE}" and TITLE in headings(table)
    for (method, length), row in rows_of(table).items():
        if method == "float_diffusion":
            continue
        values = arrays_of(study, method, 0 if length == "any" else int(length))
        interval = bootstrap_interval(values)
        assert float(row["score"]) == pytest.approx(values.mean())
        assert [float(row["low"]), float(row["high"])] == pytest.approx([interval.low, interval.high])


def test_what_selection_does_is_told_in_it(study, results):
    selection, order = selection_table(results), order_table(results)
    assert [f"Search, validation {TITLE}", f"Fresh seeds, test {TITLE}"] == headings(selection)[3:5]
    row, winner = rows_of(selection)["fourier", "32"], study.winner(Cell("digits", "fourier", 32))
    fresh = test_runs(study, "fourier", 32)["map_at_k"].mean()
    assert float(row["gap"]) == pytest.approx(winner["map_at_k"] - fresh)
    assert f"Order by best validation {TITLE}" in headings(order)
    for row, bits in zip(order.rows, results.bits, strict=True):
        best = {name: study.winner(Cell("digits", name, bits))["map_at_k"] for name in METHODS}
        assert row[1].raw.split(" > ") == sorted(best, key=best.get, reverse=True)


def test_gains_are_in_it(study, results):
    table = cost_by_method_table(results)
    assert f"{TITLE} gain over no graph" in headings(table)
    means = {name: np.mean([test_runs(study, name, bits)["map_at_k"].mean() for bits in SPEC.bits]) for name in METHODS}
    assert float(rows_of(table)["fourier"]["gain_over_none"]) == pytest.approx(means["fourier"] - means["none"])


def test_axes_are_labelled_with_it(drawn):
    y_labels = {key: {axes.get_ylabel() for axes in figure.axes} - {""} for key, figure in drawn.items()}
    for key in ("map-by-bits", "cost-and-gain"):
        assert y_labels[key] == {f"test {TITLE}"}
    assert f"test {TITLE}" in y_labels["method-by-bits"]  # of the scale of colours
    for key in ("best-by-trials", "best-by-device-seconds"):
        assert y_labels[key] == {f"best validation {TITLE}"}
    for key in ("learning-curves", "map-by-filter-order", "map-by-knn-size"):
        assert y_labels[key] == {f"validation {TITLE}"}
    ticks = [tick.get_text() for tick in drawn["parallel-coordinates"].axes[-1].get_xticklabels()]
    assert ticks[-1].startswith(f"{TITLE} below\ncell's best: ")
    assert y_labels["ladder"] == {"test mAP"} and y_labels["map-by-cutoff"] == {"mAP of the first k"}


def test_titles_and_sentences_name_it(study):
    figures = {figure.key: figure for section in dataset_figures(study, "digits").values() for figure in section}
    assert figures["map-by-bits"].title == f"{TITLE} against code length"
    assert figures["method-by-bits"].title == f"{TITLE} by method and code length"
    assert figures["map-by-filter-order"].title == f"{TITLE} against filter order"
    assert f"mean {TITLE} goes from" in figures["cost-and-gain"].sentence
    assert figures["learning-curves"].sentence.startswith(f"Validation {TITLE} by epoch")


def test_figures_draw_it(study, drawn):
    lines = [container.lines[0] for container in drawn["map-by-bits"].axes[0].containers]
    for line, method in zip(lines, ["chebyshev", "gcn", "fourier", "none"], strict=True):
        expected = [test_runs(study, method, bits)["map_at_k"].mean() for bits in SPEC.bits]
        assert line.get_ydata() == pytest.approx(expected)
    shown = np.asarray(drawn["method-by-bits"].axes[0].images[0].get_array())
    assert shown[1] == pytest.approx([test_runs(study, "gcn", bits)["map_at_k"].mean() for bits in SPEC.bits])
    search = study.records.query("kind == 'search' and state == 'complete'")
    for axes, bits in zip(drawn["best-by-trials"].axes, SPEC.bits, strict=False):
        ends = [line.get_ydata()[-1] for line in axes.lines]
        best = search[search["bits"] == bits].groupby("method")["map_at_k"].max()
        assert ends == pytest.approx(best[["chebyshev", "gcn", "fourier", "none"]].tolist())


def test_against_the_paper_and_the_ladder_stay_on_map(study, results, drawn):
    rows = rows_of(against_paper_table(results))
    own = test_runs(study, "gcn", 32)
    for metric in ("map", "map_at_k", "map_released"):
        assert float(rows["gcn", "32"][metric]) == pytest.approx(own[metric].mean())
    assert headings(against_paper_table(results))[2:] == ["Released code's mAP", TITLE, "mAP"]
    found = ladder(study, Cell("digits", "gcn", 32))
    assert found.rungs == pytest.approx(
        [test_runs(study, "float_cosine", 0)["map"].mean(), test_runs(study, "float_diffusion", 0)["map"].mean(),
         own["map_real_valued"].mean(), own["map"].mean()]
    )  # fmt: skip
    table = ladder_table(results)
    assert float(rows_of(table)["gcn", "32"]["signs"]) == pytest.approx(own["map"].mean())
    best = max(METHODS, key=lambda name: test_runs(study, name, 32)["map"].mean())  # the worst by the objective
    sentence = next(one for one in dataset_figures(study, "digits")["results"] if one.key == "ladder").sentence
    assert f"their signs {test_runs(study, best, 32)['map'].mean():.3f}" in sentence


def test_the_ladder_does_not_claim_to_end_in_the_main_table(results, study_folder):
    says = "this is the score of the main table"
    assert says in ladder_table(results_of(load_study(study_folder), "digits")).notes[0]
    assert says not in ladder_table(results).notes[0]


def test_explain_and_report_name_it(study, results):
    console = Console(width=240, file=io.StringIO())
    console.print(explain(study, find_cell(study, "digits", "gcn", "16")))
    text, winner = console.file.getvalue(), study.winner(Cell("digits", "gcn", 16))
    assert f"{TITLE} {test_runs(study, 'gcn', 16)['map_at_k'].mean():.3f} ± " in text
    assert f"winner: trial {winner['index']} with validation {TITLE} {winner['map_at_k']:.4f}" in text
    assert f"the complete trial with the best validation {TITLE}" in text
    assert any(f"best validation {TITLE}" in sentence for sentence in plan_in_words(study.spec))
    uses = {row[0].text: row[3].text for row in scores_table(study).rows}
    assert [name for name, use in uses.items() if use] == [TITLE]
    html = write_report(study).read_text(encoding="utf-8")
    assert f"Digits: {TITLE} by method and code length" in html


def test_it_all_verifies(study):
    write_tables(study)
    assert verify(study) == []


def test_studies_of_different_scores_are_not_subtracted(results, study_folder):
    table = comparison_table(results_of(load_study(study_folder), "digits"), results)
    assert headings(table)[2:4] == ["A, mAP", f"B, {TITLE}"]
    assert {row[4].text for row in table.rows} == {row[7].text for row in table.rows} == {MISSING}
    assert any(f"Nothing was tested: A is scored by mAP, B by {TITLE}" in note for note in table.notes)


@pytest.fixture(scope="module")
def by_radius(tmp_path_factory):
    """A study of the precision within a radius, which rankings by real values have not."""
    spec = make_spec(objective="precision_at_radius_2", methods=["gcn", "none"], trials=3, replicates=3)
    return load_study(write_study(tmp_path_factory.mktemp("runs"), spec, ledger_in=in_journal))


def test_a_reference_without_the_score_is_a_gap_that_is_explained(by_radius):
    table = main_table(results_of(by_radius, "digits"))
    assert rows_of(table)["float_cosine"] == {"method": "float_cosine", "16": MISSING, "32": MISSING}
    assert any("(Float cosine)" in note and "P@r2" in note for note in table.notes)
    row = rows_of(cells_table(results_of(by_radius, "digits")))["float_cosine", "any"]
    assert row["replicates"] == "0" and "P@r2" in row["missing"]


def test_a_reference_without_the_score_still_has_its_map_a_rung_and_curves(by_radius):
    results = results_of(by_radius, "digits")
    expected = test_runs(by_radius, "float_cosine", 0)["map"].mean()
    assert float(rows_of(against_paper_table(results))["float_cosine", "any"]["map"]) == pytest.approx(expected)
    assert ladder(by_radius, Cell("digits", "gcn", 16)).float_cosine == pytest.approx(expected)
    assert results.mean_curve("float_cosine", 16, "precision_at_n") is not None


def test_a_reference_without_the_score_verifies(by_radius):
    write_tables(by_radius)
    assert verify(by_radius) == []
    write_report(by_radius)
