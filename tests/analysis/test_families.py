"""Methods of several families, searched and not, beside references that have one run a data set."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from rich.console import Console

from analysis import style
from analysis.explain import explain, find_cell
from analysis.figures import dataset_figures
from analysis.names import family_starts, in_order, label
from analysis.report import write_report
from analysis.report_facts import plan_in_words
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables import terminal_table, write_tables
from analysis.tables.against_paper import against_paper_table
from analysis.tables.cost import cost_by_method_table, cost_table
from analysis.tables.formats import to_csv, to_html, to_latex
from analysis.tables.hyperparameters import hyperparameter_tables
from analysis.tables.scores import cells_table, main_table
from analysis.tables.statistics import best_table, intervals_table, pairs_table
from analysis.tables.table import MISSING
from analysis.verify import verify
from tests.analysis.synthetic import LEVELS, Truth, in_journal, make_spec, write_study

#: Rows of the main table, family by family.
ROWS = [["gcn", "none"], ["lsh", "itq"], ["white"], ["float_cosine"]]
#: Methods and baselines of which neither stands together in the spec, nor in the order of any table.
SPACE = {**make_spec().model_dump()["space"], "floor": {"type": "float", "low": 0.001, "high": 1.0, "log": True}}


@pytest.fixture(scope="module")
def study(white, tmp_path_factory):
    """Two methods that are searched, one of them of a package of its own, one that is not, and two baselines."""
    spec = make_spec(
        datasets=["digits", "vectors.npz"], methods=["white", "itq", "gcn"], baselines=["none", "lsh"],
        space={name: SPACE[name] for name in ("knn_size", "learning_rate", "floor")}, trials=3, replicates=3, epochs=6,
    )  # fmt: skip
    truth = Truth(levels={**LEVELS, white: 0.48})
    return load_study(write_study(tmp_path_factory.mktemp("runs"), spec, truth, ledger_in=in_journal))


@pytest.fixture(scope="module")
def results(study):
    return results_of(study, "digits")


def column(table, name="method"):
    """A column as the CSV file has it."""
    return [row[name] for row in csv.DictReader(io.StringIO(to_csv(table)))]


def text_of(table_or_panel, width=240):
    console = Console(width=width, file=io.StringIO())
    console.print(table_or_panel)
    return console.file.getvalue()


# Families


def test_a_family_stands_together_in_the_place_of_its_first_method():
    assert in_order(["itq", "float_cosine", "none", "lsh", "gcn"]) == ["gcn", "none", "lsh", "itq", "float_cosine"]
    assert family_starts(["gcn", "none", "lsh", "itq", "float_cosine"]) == [0, 2, 4]
    assert family_starts(["itq"]) == [0] and family_starts([]) == []


def test_the_rows_are_those_of_the_families_and_a_rule_stands_between_them(results):
    for table in (main_table(results), best_table(results)):
        assert column(table) == [name for family in ROWS for name in family]
        assert table.rules == {0, 2, 4, 5}
    assert column(cost_by_method_table(results)) == ["gcn", "white"]  # what is searched
    assert cost_by_method_table(results).rules == {0, 1}


def test_the_rules_are_drawn_in_every_format_that_has_them(study, results):
    table = main_table(results)
    first = [line.split("<th")[0] for line in to_html(table).splitlines() if line.startswith("<tr") and "row" in line]
    assert [line == '<tr class="rule">' for line in first] == [False, False, True, False, True, True]
    body = to_latex(table).split(r"\midrule" + "\n", 1)[1].split(r"\bottomrule")[0]
    assert [part.count(r"\\") for part in body.split(r"\midrule[0.2pt]")] == [2, 2, 1, 1]
    shown = text_of(terminal_table(study, "digits"))
    parts = [[line.split("│")[1].strip() for line in part.splitlines() if line.startswith("│")]
             for part in re.split("├.*┤", shown)]  # fmt: skip
    assert parts == [[label(name) for name in family] for family in ROWS]


def test_tables_of_one_row_a_cell_have_a_rule_between_methods(results):
    for table in (cells_table(results), intervals_table(results), against_paper_table(results), cost_table(results)):
        names = column(table)
        assert table.rules == {place for place in range(len(names)) if place == 0 or names[place] != names[place - 1]}


def test_the_records_name_the_family(study):
    families = study.records.drop_duplicates("method").set_index("method")["family"].to_dict()
    assert families == {
        "gcn": "HAGCN", "none": "HAGCN", "lsh": "Linear hashes", "itq": "Linear hashes", "white": "Toys",
        "float_cosine": "Float vectors", "float_diffusion": "Float vectors",
    }  # fmt: skip


def test_what_is_studied_what_is_searched_and_what_stands_beside_it(results):
    assert results.methods == ["gcn", "itq", "white"] and results.searched == ["gcn", "white"]
    assert results.baselines == ["none", "lsh", "float_cosine"]
    assert {cell.method for cell in results.searched_cells} == {"gcn", "white"}


# References


def test_a_reference_has_one_record_a_data_set(study):
    for name in ("float_cosine", "float_diffusion"):
        own = study.records[study.records["method"] == name]
        assert own["dataset"].tolist() == ["digits", "vectors"] and set(own["bits"]) == {0}
        assert set(own["kind"]) == {"test"}


def test_float_cosine_stands_at_every_length_of_the_main_table(study, results):
    row = next(
        row for row in csv.DictReader(io.StringIO(to_csv(main_table(results)))) if row["method"] == "float_cosine"
    )
    own = study.records[(study.records["method"] == "float_cosine") & (study.records["dataset"] == "digits")]
    assert row == {"method": "float_cosine", "16": f"{own['map'].item():.3f}", "32": f"{own['map'].item():.3f}"}
    assert "float_diffusion" not in column(main_table(results))


def test_it_is_compared_at_every_length(study, results):
    map_of = study.records[study.records["dataset"] == "digits"]
    pairs = list(csv.DictReader(io.StringIO(to_csv(pairs_table(results)))))
    cosine = map_of[map_of["method"] == "float_cosine"]["map"].item()
    for bits in (16, 32):
        own = {row["first"]: row for row in pairs if row["bits"] == str(bits) and row["second"] == "float_cosine"}
        assert list(own) == ["gcn", "none", "lsh", "itq", "white"]
        for name, row in own.items():
            runs = map_of[(map_of["method"] == name) & (map_of["bits"] == bits) & (map_of["kind"] == "test")]
            assert float(row["difference"]) == pytest.approx(runs["map"].mean() - cosine)
            assert row["p_holm"] != MISSING


def test_a_table_of_one_row_a_cell_has_it_once(results):
    for table, names in (
        (cells_table(results), ["float_cosine", "float_diffusion"]),
        (intervals_table(results), ["float_cosine", "float_diffusion"]),
        (against_paper_table(results), ["float_cosine"]),
    ):
        lengths = list(zip(column(table), column(table, "bits"), strict=True))
        assert [cell for cell in lengths if cell[0].startswith("float")] == [(name, "any") for name in names]
        assert ("gcn", "16") in lengths and ("gcn", "32") in lengths


def test_a_figure_has_it_as_a_level(study, results):
    figure = next(one for one in dataset_figures(study, "digits")["results"] if one.key == "map-by-bits").draw()
    grey = style.look("float_cosine")
    line = next(one for one in figure.axes[0].lines if one.get_marker() == grey.marker)
    assert len(line.get_xdata()) == 2 and len(set(line.get_ydata())) == 1


def test_explain_finds_it_at_any_length(study):
    cells = {find_cell(study, "digits", "float_cosine", bits) for bits in ("16", "32")}
    assert [cell.bits for cell in cells] == [0]
    text = text_of(explain(study, cells.pop()))
    assert text.startswith("Float cosine, on Digits") and "Search trials" not in text and "1 of 1 complete" in text


# A method of another package, which has no epochs


def test_all_of_it_is_written_and_verifies(study):
    write_tables(study)
    assert verify(study) == []
    html = write_report(study).read_text(encoding="utf-8")
    assert "Hyperparameter study of HAGCN, Linear hashes and Toys<" in html
    assert "Whitened" in html and not re.search(r"\b(nan|None)\b", re.sub(r"base64,[^\"]*", "", html))


def test_its_hyperparameters_are_its_own(study, results):
    tables = hyperparameter_tables(results)
    assert [table.name for table in tables] == ["hyperparameters-hagcn", "hyperparameters-toys"]
    rows = {(row["method"], row["bits"]): row for t in tables for row in csv.DictReader(io.StringIO(to_csv(t)))}
    for bits in (16, 32):
        own, winner = rows["white", str(bits)], study.winner(results.cell("white", bits))
        assert float(own["floor"]) == winner["floor"]
        assert own["chosen_epoch"] == MISSING and not {"knn_size", "learning_rate"} & own.keys()
        assert "floor" not in rows["gcn", str(bits)] and rows["gcn", str(bits)]["knn_size"] != MISSING


def test_explain_speaks_of_no_epochs_where_there_are_none(study):
    text = text_of(explain(study, find_cell(study, "digits", "Whitened", "16")))
    winner = study.winner(find_cell(study, "digits", "white", "16"))
    assert f"winner: trial {winner['index']} with validation mAP" in text and "best at epoch" not in text
    assert f"floor = {winner['floor']:.9g} (sampled)" in text
    assert "stop_after" not in text and "epochs =" not in text
    trained = text_of(explain(study, find_cell(study, "digits", "gcn", "16")))
    assert "best at epoch" in trained and "stop_after" in trained and "epochs = 6" in trained


def test_its_look_is_the_same_in_all_figures(study):
    expected = style.look("white")
    figures = [one for section in dataset_figures(study, "digits").values() for one in section]
    drawn = {figure.key: figure.draw() for figure in figures if figure.drawing is not None}
    found = {}
    for key, figure in drawn.items():
        legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
        for legend in legends:
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
                if text.get_text() == "Whitened":
                    found[key] = handle.get_color(), handle.get_marker()
    assert len(found) >= 6 and set(found.values()) == {(expected.colour, expected.marker)}


def test_sentences_set_what_is_studied_against_what_stands_beside_it(study):
    """ITQ, a background elsewhere, is studied here; the model without a graph is not."""
    figures = {one.key: one for section in dataset_figures(study, "digits").values() for one in section}
    results = results_of(study, "digits")
    at_half = {
        name: np.interp(0.5, *(results.mean_curve(name, 32, f"{axis}_by_radius") for axis in ("recall", "precision")))
        for name in results.evaluated(32) if name != "float_cosine"
    }  # fmt: skip
    ours, theirs = (
        " to ".join(
            dict.fromkeys(f"{end(at_half[name] for name in names if name in at_half):.2f}" for end in (min, max))
        )
        for names in (results.methods, results.baselines)
    )
    assert "itq" in results.methods and "none" in results.baselines
    assert (
        f"precision at 32 bits is {ours} with the studied methods and {theirs} with those beside them."
        in figures["precision-recall"].sentence
    )


def test_learning_curves_speak_of_trials_that_have_them(study):
    figures = {one.key: one for section in dataset_figures(study, "digits").values() for one in section}
    assert re.search(
        r"by epoch of 3 trials: .* best at epochs [1-6] to [1-6] of 6\.", figures["learning-curves"].sentence
    )


def test_the_plan_says_which_cells_are_searched(study):
    cells, search, *_ = plan_in_words(study.spec)
    assert cells.startswith("12 cells: GCN, ITQ and Whitened at 16 and 32 bits on Digits and vectors")
    assert search.startswith("Each cell of GCN and Whitened is searched with 3 trials")
    assert plan_in_words(make_spec())[1].startswith("Each cell is searched with 8 trials")
    alone = study.spec.model_copy(update={"methods": ["white"]})
    assert plan_in_words(alone)[1] == (
        "Each cell is searched with 3 trials drawn at random, which are scored on validation queries."
    )


def test_a_study_that_searches_nothing(tmp_path):
    spec = make_spec(name="linear", methods=["itq", "lsh"], trials=4, replicates=3, space={}, fixed={})
    study = load_study(write_study(tmp_path, spec))
    write_tables(study)
    assert verify(study) == []
    html = write_report(study).read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|None)\b", re.sub(r"base64,[^\"]*", "", html))
    assert column(main_table(results_of(study, "digits"))) == ["lsh", "pca_sign", "itq", "float_cosine"]
    assert plan_in_words(spec)[1:] == [
        "Nothing is searched, for there is nothing to choose.",
        "Each is trained with 3 fresh seeds on everything that is not a test query, and scored once on the test "
        "queries. PCA-sign, Float cosine and Float diffusion see the same split.",
    ]
    assert "Hyperparameter study of Linear hashes<" in html
