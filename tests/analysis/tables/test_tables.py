"""Tables against the records they stand for, and every format against a reader of that format."""

import csv
import io
import re
import shutil
import statistics
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from analysis.paper_numbers import printed_map
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables import html_tables, render_tables, terminal_table, write_tables
from analysis.tables.against_paper import against_paper_table
from analysis.tables.conventions import has_conventions
from analysis.tables.cost import cost_by_method_table, cost_table
from analysis.tables.formats import latex_document, to_csv, to_html, to_latex, to_markdown
from analysis.tables.hyperparameters import hyperparameter_table
from analysis.tables.queries import query_tables
from analysis.tables.scores import main_table
from analysis.tables.statistics import best_table, pairs_table
from analysis.tables.table import MISSING, Column, Entry, Table, number, p_value, with_spread
from analysis.tables.tuning import transfer_table, tunability_table, tuning_curve_table
from analysis.wording import decimals
from tests.analysis.degenerate import STUDIES
from tests.analysis.synthetic import LEVELS, Truth, make_spec, write_study


@pytest.fixture(scope="module")
def study(study_folder):
    return load_study(study_folder)


@pytest.fixture(scope="module")
def results(study):
    return results_of(study, "digits")


def rows_of(table):
    """The table as its CSV file has it, by (method, bits) or by method."""
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    return {(row["method"], row["bits"]) if "bits" in row else row["method"]: row for row in rows}


def test_the_main_table_is_the_mean_and_deviation_of_the_records(study, results):
    table = rows_of(main_table(results))
    assert list(table) == [
        "spline",
        "lanczos",
        "chebyshev",
        "gcn",
        "fourier",
        "none",
        "lsh",
        "pca_sign",
        "itq",
        "float_cosine",
    ]
    own = (study.records["dataset"] == "digits") & (study.records["kind"] != "search")
    records = study.records[own & (study.records["method"] != "float_diffusion")]  # a level, and no rival
    for (method, bits), own in records.groupby(["method", "bits"]):
        lengths = [bits] if bits else results.bits  # a reference stands at every length
        values = own["map"].tolist()
        expected = f"{statistics.mean(values):.3f}"
        expected += f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        assert {table[method][str(length)] for length in lengths} == {expected}


def test_the_best_is_marked_and_its_ties_are_those_of_the_tests(results):
    marks = {(row[0].raw, column.name): entry.mark for row in main_table(results).rows
             for column, entry in zip(main_table(results).columns, row, strict=True)}  # fmt: skip
    for bits, column in results.columns.items():
        marked = {method: marks[method, str(bits)] for method in results.compared}
        assert [method for method, mark in marked.items() if mark == "best"] == [column.best]
        assert {method for method, mark in marked.items() if mark == "tied"} == column.tied
        means = {method: results.summary(results.cell(method, bits))["score_mean"] for method in results.compared}
        assert column.best == max(means, key=means.get)


def test_equal_methods_are_tied_and_distant_ones_are_not(tmp_path):
    levels = dict.fromkeys(LEVELS, 0.3)
    truth = Truth(levels=levels | {"spline": 0.6, "lanczos": 0.6}, method_query=0.0, method_seed=0.003)
    spec = make_spec(datasets=["vectors.npz"], methods=["spline", "lanczos", "none"], bits=[16], trials=1, replicates=5)
    column = results_of(load_study(write_study(tmp_path, spec, truth)), "vectors").columns[16]
    assert column.tied | {column.best} == {"spline", "lanczos"}


def test_against_the_paper(tmp_path):
    spec = make_spec(datasets=["stl10.npz"], methods=["spline", "gcn", "fourier"], bits=[16, 28], trials=1)
    results = results_of(load_study(write_study(tmp_path, spec)), "stl10")
    table = against_paper_table(results)
    rows = rows_of(table)
    for method, bits, printed in (("spline", 28, 0.801), ("gcn", 16, 0.861)):
        row, own = rows[method, str(bits)], results.summary(results.cell(method, bits))
        assert float(row["paper"]) == printed
        for metric in ("map", "map_at_k", "map_released"):
            assert float(row[metric]) == pytest.approx(own[f"{metric}_mean"], rel=1e-8)
            assert float(row[f"{metric}_minus_paper"]) == pytest.approx(own[f"{metric}_mean"] - printed, rel=1e-6)
    assert rows["fourier", "16"]["paper"] == rows["fourier", "16"]["map_minus_paper"] == MISSING
    assert rows["random_codes", "any"]["map"] == MISSING  # vectors that are not on this machine
    assert any("stl10.npz" in note for note in table.notes)
    assert any("32, 64, 128 bits" in note for note in table.notes)


def test_random_codes_have_a_row_and_a_data_set_without_printed_numbers_says_so(results):
    table = against_paper_table(results)
    chance = rows_of(table)["random_codes", "any"]
    assert 0.1 < float(chance["map"]) < 0.11 and float(chance["map_released"]) > 0.85
    assert "The paper has no table for Digits." in table.notes


def test_the_papers_tables_are_whole():
    for dataset in ("stl10", "stanford_cars", "tiny_imagenet"):
        filters, bits = zip(*printed_map(dataset), strict=True)
        assert set(filters) == {"spline", "lanczos", "chebyshev", "gcn"} and set(bits) == {16, 28, 32, 64, 128}
        assert len(printed_map(dataset)) == 20
    assert printed_map("digits") == {}


def test_chosen_hyperparameters_are_the_winners(study, results):
    rows = rows_of(hyperparameter_table(results, results.searched))
    for cell in results.searched_cells:
        row, winner = rows[cell.method, str(cell.bits)], study.winner(cell)
        assert float(row["learning_rate"]) == winner["learning_rate"]
        assert float(row["ae_width"]) == winner["ae_width"]
        assert int(row["trial"]) == winner["index"]
        assert (row["knn_size"] == MISSING) == (cell.method == "none")
        assert (row["filter_order"] == MISSING) == (cell.method in ("none", "gcn"))
        assert ("ae_width" in row["on_the_edge"]) == (winner["ae_width"] in (128, 512))


def test_cost_adds_up(study, results):
    rows = rows_of(cost_table(results))
    own = study.records[(study.records["dataset"] == "digits") & (study.records["family"] == "HAGCN")]
    assert float(rows["all", ""]["device_hours"]) == pytest.approx(own["device_seconds"].sum() / 3600)
    assert int(rows["all", ""]["planned"]) == 6 * 2 * 8
    states = [int(rows["all", ""][state]) for state in ("complete", "pruned", "diverged", "failed", "not_run")]
    assert sum(states) == 96 and states[1] == 24
    gains = rows_of(cost_by_method_table(results))
    means = {name: np.mean([results.summary(results.cell(name, bits))["score_mean"] for bits in results.bits])
             for name in results.methods}  # fmt: skip
    for name in results.methods:
        assert float(gains[name]["seconds_an_epoch"]) == pytest.approx(0.05)
        if name != "none":
            assert float(gains[name]["gain_over_none"]) == pytest.approx(means[name] - means["none"])


def test_all_pairs_are_listed(results):
    rows = list(csv.DictReader(io.StringIO(to_csv(pairs_table(results)))))
    assert len(rows) == 2 * 45
    column = results.columns[16]
    listed = {(row["first"], row["second"]): float(row["p_holm"]) for row in rows if row["bits"] == "16"}
    for pair in column.pairs:
        assert listed[pair.first, pair.second] == pytest.approx(pair.adjusted, rel=1e-5)


def test_too_few_replicates_are_said_instead_of_a_p_value(tmp_path):
    spec = make_spec(datasets=["vectors.npz"], methods=["gcn", "none"], bits=[16], trials=2, replicates=2)
    results = results_of(load_study(write_study(tmp_path, spec)), "vectors")
    rows = rows_of(best_table(results))
    assert {rows[name]["16"] for name in ("gcn", "none", "lsh", "itq")} == {"best", "too few replicates"}
    assert any("too few replicates" in note for note in main_table(results).notes)
    assert not any(entry.mark == "tied" for row in main_table(results).rows for entry in row[:2])


MINUS = "\N{MINUS SIGN}"

AWKWARD = Table(
    "awkward", "50% & more_of #1", [Column("method", "A|b", "left"), Column("x", "$x^2$")],
    [
        [Entry("<b>~{tag}\\</b>", "raw,\"q\""), Entry(f"0.5 ± 0.1 – {MINUS}1 × τ", mark="best")],
        [Entry("ünïcode 漢字"), Entry("1 | 2", mark="tied")],
    ],
    ["Note with `code` and *stars* & 10% <more>."],
)  # fmt: skip


class Cells(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.cells, self.stack, self.classes = [], [], []
        self.feed(page)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attributes):
        self.stack.append(tag)
        given = dict(attributes)
        if tag == "td" or given.get("scope") == "row":
            self.cells.append("")
            self.classes.append(given.get("class", ""))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "tbody" in self.stack and {"th", "td"} & set(self.stack[-2:]):
            self.cells[-1] += data


def test_html_holds_the_text_as_it_is():
    page = Cells(to_html(AWKWARD))
    assert page.cells == [entry.text for row in AWKWARD.rows for entry in row]
    assert page.classes == ["", "number best", "", "number tied"]


def test_csv_holds_the_raw_values():
    rows = list(csv.reader(io.StringIO(to_csv(AWKWARD))))
    assert rows == [["method", "x"], ['raw,"q"', f"0.5 ± 0.1 – {MINUS}1 × τ"], ["ünïcode 漢字", "1 | 2"]]


def test_markdown_has_as_many_cells_as_columns():
    lines = [line for line in to_markdown(AWKWARD).splitlines() if line.startswith("|")]
    assert [len(re.split(r"(?<!\\)\|", line)) for line in lines] == [4] * 4
    assert "**0.5 ± 0.1" in lines[2] and "*1 \\| 2*" in lines[3] and "\\<b\\>" in lines[2]


def test_latex_of_a_long_table_is_split_evenly():
    long = Table("long", "Long", [Column("method", "F")], [[Entry(str(i))] for i in range(61)])
    parts = to_latex(long).split(r"\end{table}")[:-1]
    assert [part.count(r"\\") - 1 for part in parts] == [21, 20, 20]
    text = "a text of many words " * 6  # four lines and more
    parts = to_latex(Table("long", "Long", [Column("method", "F", "left")], [[Entry(text)]] * 20)).split(r"\end{table}")
    assert [part.count("many") // 6 for part in parts] == [7, 7, 6, 0]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_breaks_long_texts_and_headings_rather_than_shrink_the_table(tmp_path):
    """By the width that TeX finds."""
    columns = [Column(str(i), f"Heading of several words {i}") for i in range(7)]
    said = Column("said", "Verdict", "left")
    table = Table(
        "wide", "Wide", [*columns, said], [[*[Entry("0.123")] * 7, Entry("tied for first with several " * 5)]]
    )
    measured = r"\newcommand\measured[1]{\setbox0\hbox{#1}\typeout{width \the\wd0, of \the\linewidth.}\box0}"
    document = re.sub(r"\\resizebox\{.*?\}\{!\}", r"\\measured", latex_document("Wide", [table]))
    document = document.replace(r"\begin{document}", rf"{measured}\begin{{document}}")
    (tmp_path / "wide.tex").write_text(document, encoding="utf-8")
    run = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "wide.tex"], cwd=tmp_path,
                         capture_output=True, text=True, errors="replace", timeout=120, check=False)  # fmt: skip
    found, room = map(float, re.search(r"width ([\d.]+)pt, of ([\d.]+)pt", run.stdout).groups())
    assert run.returncode == 0 and 0.3 * room < found <= room


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_as_it_is(study, tmp_path):
    (tmp_path / "awkward.tex").write_text(latex_document("A & b_c", [AWKWARD]), encoding="utf-8")
    files = {path.name: content for path, content in render_tables(study).items()}
    (tmp_path / "digits.tex").write_text(files["digits.tex"], encoding="utf-8")
    (tmp_path / "digits-main.tex").write_text(files["digits-main.tex"], encoding="utf-8")
    (tmp_path / "own.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\\usepackage[table]{xcolor}\\begin{document}\n"
        "\\input{digits-main}\n\\end{document}\n", encoding="utf-8",
    )  # fmt: skip
    for name in ("awkward", "digits", "own"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        run = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120, check=False
        )
        assert run.returncode == 0, run.stdout[-2000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 1000


@pytest.mark.parametrize("name", STUDIES)
def test_studies_with_gaps_have_every_table(name, tmp_path):
    study = load_study(STUDIES[name](tmp_path))
    paths = write_tables(study)
    found = {dataset: results_of(study, dataset) for dataset in study.datasets}
    asked = {dataset: query_tables(one) for dataset, one in found.items()}
    tuned = {
        dataset: [
            table for table in (tunability_table(one), tuning_curve_table(one), transfer_table(one)) if table.rows
        ]
        for dataset, one in found.items()
    }
    assert len(paths) == len(set(paths))
    assert len(paths) == sum(
        32
        + 3 * (dataset == "stl10")
        + 3 * has_conventions(one)
        + sum(2 + len(more) for more in (tuned[dataset], asked[dataset]) if more)
        for dataset, one in found.items()
    )
    for dataset in study.datasets:
        shown = (study.folder.tables / f"{dataset}.csv").read_text(encoding="utf-8")
        assert "nan" not in shown.lower() and "none ±" not in shown
        header = shown.splitlines()[0].split(",")
        assert header == ["method", *map(str, sorted(study.spec.bits))]
        more = (dataset == "stl10") + has_conventions(found[dataset]) + len(tuned[dataset]) + len(asked[dataset])
        assert sum(map(len, html_tables(study, dataset).values())) == 14 + more
        console = Console(width=200, file=io.StringIO())
        console.print(terminal_table(study, dataset))
        assert "mAP by method" in console.file.getvalue()
    for path in paths:
        content = path.read_text(encoding="utf-8")
        assert content.endswith("\n") and not re.search(r"\bnan\b", content), path


def test_gaps_are_dashes_with_their_reasons_counted(tmp_path):
    results = results_of(load_study(STUDIES["holes"](tmp_path)), "digits")
    table = main_table(results)
    rows = rows_of(table)
    assert rows["gcn"]["16"] == rows["gcn"]["32"] == rows["chebyshev"]["16"] == rows["itq"]["16"] == MISSING
    assert rows["chebyshev"]["32"] != MISSING
    notes = "\n".join(table.notes)
    assert "– in 1: no trial complete (4 diverged) (GCN at 16 bits)." in notes
    assert "– in 8: not run" in notes


def test_numbers_as_text():
    assert [decimals(-0.0004), decimals(-0.0006), decimals(0.0, 2, "+"), decimals(1.5, 1, "+")] == [
        "0.000", f"{MINUS}0.001", "+0.00", "+1.5"
    ]  # fmt: skip
    assert number(float("nan")).text == number(None).text == with_spread(float("nan"), 0.1).text == MISSING
    assert (with_spread(0.5, float("nan")).text, with_spread(0.5, 0.01).text) == ("0.500", "0.500 ± 0.010")
    assert (p_value(0.0004), p_value(0.0312), p_value(1.0)) == ("< 0.001", "0.031", "1.000")


def test_what_a_graph_is_worth_is_said_in_words_that_the_tests_bear_out(tmp_path):
    levels = {"gcn": 0.75, "fourier": 0.40, "lanczos": 0.6, "none": 0.6}
    truth = Truth(levels=Truth().levels | levels, method_query=0.0, method_seed=0.003, per_doubling=0.0)
    spec = make_spec(datasets=["vectors.npz"], methods=["none", "gcn", "lanczos", "fourier"], trials=2)
    results = results_of(load_study(write_study(tmp_path, spec, truth)), "vectors")
    (said,) = [note for note in main_table(results).notes if "What a graph is worth" in note]
    better, worse, same = said.split(": ", 1)[1].split("; ")
    assert better == "shown to be better: GCN at 16 and 32 bits"
    assert worse == "shown to be worse: Fourier at 16 and 32 bits"
    assert same == "not shown to differ: Lanczos at 16 and 32 bits."
    alone = make_spec(name="alone", datasets=["vectors.npz"], methods=["gcn", "fourier"], trials=2)
    results = results_of(load_study(write_study(tmp_path, alone, truth)), "vectors")
    assert not any("What a graph is worth" in note for note in main_table(results).notes)
