"""A study of many methods: which are in colour, and that its figures, tables and report hold them all."""

from __future__ import annotations

import re

import matplotlib.colors
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from analysis import highlight, style
from analysis.command import main
from analysis.figures import WrittenFigure, dataset_figures
from analysis.figures.catalogue import SECTIONS
from analysis.figures.emphasis import MOST_PANELS
from analysis.names import label
from analysis.paper_numbers import Competitor, competitors, printed_map, printed_of
from analysis.report import write_report
from analysis.report_facts import space_table
from analysis.results import results_of
from analysis.study_records import StudyRecords, load_study
from analysis.tables.against_paper import against_paper_table
from analysis.tables.competitors import competitors_table
from analysis.tables.cost import cost_by_family_table, cost_by_method_table
from analysis.tables.formats import to_csv, to_latex
from analysis.tables.statistics import order_table, pairs_table
from analysis.tables.table import MISSING
from hasher.errors import UserError
from study.record.export import family_of
from tests.analysis.synthetic import LEVELS, Truth, make_spec, write_study
from tests.analysis.tables.test_tables import rows_of

#: The best of each family by the truth.
BEST = ["fourier", "toy_knnh", "toy_sgh", "toy_cibhash", "released_toy_spline", "float_cosine"]


@pytest.fixture(scope="module")
def study(rivals, tmp_path_factory):
    levels = {**LEVELS, **{one.name: 0.45 for one in rivals}, **dict.fromkeys(BEST[:-1], 0.68)}
    spec = make_spec(
        name="many", datasets=["stl10.npz"], methods=[*make_spec().methods, *(one.name for one in rivals)],
        trials=3, replicates=3, epochs=4,
        space={**make_spec().model_dump()["space"], "anchors": {"type": "int", "low": 50, "high": 500}},
    )  # fmt: skip
    return load_study(write_study(tmp_path_factory.mktemp("runs"), spec, Truth(levels=levels)))


@pytest.fixture(scope="module")
def results(study):
    return results_of(study, "stl10")


@pytest.fixture(scope="module")
def figures(study):
    return {one.key: one for section in dataset_figures(study, "stl10").values() for one in section}


@pytest.fixture(scope="module")
def drawn(figures):
    return {key: figure.draw() for key, figure in figures.items() if figure.drawing is not None}


def legend_of(figure):
    (legend,) = [*figure.legends, *(found for axes in figure.axes if (found := axes.get_legend()))]
    return [text.get_text() for text in legend.get_texts()]


# Who is in colour


def test_the_best_of_every_family_and_itq_are_in_colour(results):
    assert len(results.compared) > highlight.MOST_ROWS
    assert sorted(highlight.chosen(results)) == sorted([*BEST, "itq"])
    assert len(highlight.chosen(results)) <= highlight.MOST


def test_of_a_few_all_are(study_folder):
    assert highlight.chosen(results_of(load_study(study_folder), "digits")) is None


def test_a_method_that_lacks_a_length_is_not_the_best_for_its_lack(study):
    """CIBHash loses its 16 bits, where scores are lower, and with them its place."""
    records = study.records.copy()
    gone = (records["method"] == "toy_cibhash") & (records["bits"] == 16) & (records["kind"] == "test")
    other = results_of(StudyRecords(study.folder, study.spec, records[~gone]), "stl10")
    chosen = highlight.chosen(other)
    assert "toy_cibhash" not in chosen and sum(family_of(one) == "Neural hashes" for one in chosen) == 1


def test_who_is_named_is_in_colour(study, capsys):
    found = highlight.named(study, ["Poly", "toy AGH", "itq", "Poly"])
    assert found == ("spline", "toy_agh", "itq")
    one = StudyRecords(study.folder, study.spec, study.records, highlight=found)
    assert highlight.chosen(results_of(one, "stl10")) == ["spline", "itq", "toy_agh"]
    caption = next(f for f in dataset_figures(one, "stl10")["results"] if f.key == "map-by-bits").caption
    assert caption.endswith("In colour: Spline, ITQ and Toy AGH; 22 other methods pale.")
    with pytest.raises(UserError, match=r"--highlight: sdc2: no such method in .*, it has none, gcn"):
        highlight.named(study, ["sdc2"])
    with pytest.raises(UserError, match="9 methods, no more than 8"):
        highlight.named(study, study.spec.methods[:9])
    assert main([str(study.folder.path), "--highlight", "Polly"]) == 2
    assert "error: --highlight: Polly: no such method" in capsys.readouterr().err


# What is drawn


@pytest.mark.parametrize("key", ["map-by-bits", "precision-recall", "precision-at-n", "map-by-cutoff", "ladder",
                                 "cost-and-gain", "best-by-trials", "slices"])  # fmt: skip
def test_who_is_not_in_colour_stands_back(results, figures, drawn, key):
    figure = drawn[key]
    assert re.search(r"In colour: the best of every family by mean test mAP, and ITQ; \d+ other methods pale\.",
                     figures[key].caption)  # fmt: skip
    coloured = {style.look(one).colour.lower() for one in highlight.chosen(results)}
    pale = {style.pale(family).colour for family in dict.fromkeys(map(family_of, results.compared))}
    seen = {matplotlib.colors.to_hex(line.get_color()) for axes in figure.axes for line in axes.lines}
    known = coloured | pale | {style.GREY}
    assert seen <= known and seen & pale and seen & coloured
    texts = legend_of(figure)
    assert "HAGCN: 5 more" in texts and label("fourier") in texts and label("spline") not in texts
    assert len(texts) <= 14


@pytest.mark.parametrize("key", ["learning-curves", "bit-correlation", "parallel-coordinates"])
def test_a_panel_each_is_for_a_few(figures, drawn, key):
    panels = [axes for axes in drawn[key].axes if axes.get_title()]
    assert 2 < len(panels) <= MOST_PANELS
    assert "Shown: the best of every family by mean test mAP, and ITQ;" in figures[key].caption


def test_every_method_of_map_by_bits_could_be_seen_at_a_single_length(drawn):
    lines = [line for line in drawn["map-by-bits"].axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert len(lines) > 12 and all(line.get_marker() not in ("", "None", None) for line in lines)


def test_every_cell_is_in_the_heat_map_and_every_method_in_the_boxes(study, drawn):
    assert drawn["method-by-bits"].axes[0].images[0].get_array().shape == (len(study.spec.methods), 2)
    ticks = drawn["bit-balance"].axes[0].get_yticklabels()
    assert [tick.get_text() for tick in ticks] == [label(one) for one in results_of(study, "stl10").compared[:-1]]


def test_legends_stand_beside_the_data(drawn):
    for key, figure in drawn.items():
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        with_data = [axes.get_window_extent(renderer) for axes in figure.axes if axes.axison]
        for legend in figure.legends:
            assert not any(legend.get_window_extent(renderer).overlaps(box) for box in with_data), key


# Tables and the report


def test_a_report_of_it_names_them_all(study, figures, monkeypatch):
    undrawn = {section: [WrittenFigure(one, None) for one in figures.values()] for section in SECTIONS}
    monkeypatch.setattr("analysis.report.write_dataset_figures", lambda *given: undrawn)
    html = re.sub(r"base64,[^\"]*", "", write_report(study).read_text(encoding="utf-8"))
    assert not re.search(r"\b(nan|None)\b", html)
    assert all(label(one) in html for one in study.spec.methods)
    head = html[: html.index("What was run")]
    assert "HAGCN&#39;s best filter is " in head and "In colour" not in head


def test_cost_is_told_by_method_and_by_family(study, results):
    records = study.records[study.records["family"] == "Neural hashes"]
    text = to_csv(cost_by_family_table(results)).splitlines()
    header, rows = text[0].split(","), [line.split(",") for line in text[1:]]
    by_family = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert list(by_family) == [*dict.fromkeys(map(family_of, results.compared)), "All"]
    for kind, column in (("search", "search_seconds"), ("test", "test_seconds")):
        spent = records[records["kind"] == kind]["device_seconds"].sum()
        assert float(by_family["Neural hashes"][column]) == pytest.approx(spent / 12)
        own = study.records.query("method == 'toy_agh' and kind == @kind")["device_seconds"].sum()
        assert float(rows_of(cost_by_method_table(results))["toy_agh"][column]) == pytest.approx(own / 2)
    assert by_family["Float vectors"]["search_seconds"] == MISSING
    assert by_family["Linear hashes"]["searched"] == "2" and by_family["Linear hashes"]["tested"] == "8"


def test_an_order_of_many_names_the_first(results):
    entry = order_table(results).rows[0][1]
    assert entry.text.endswith(" > 13 more") and entry.text.count(">") == 8 and entry.raw.count(">") == 20


def test_ranges_are_of_families(study):
    of = {row[0].text: row[2].text for row in space_table(study.spec).rows}
    assert of["alpha"] == "HAGCN" and of["anchors"] == "Toy KNNH, Anchor hashes"
    assert of["learning rate"] == "HAGCN, Neural hashes, HAGCN as released"


def test_latex_is_given_time_to_place_a_long_table(results):
    parts = to_latex(pairs_table(results)).split(r"\clearpage")
    assert len(parts) > 1 and max(part.count(r"\begin{table}") for part in parts) <= 15


# The paper's numbers


def test_the_released_model_stands_beside_the_numbers_of_its_filter(results):
    assert printed_of("stl10", "released_spline") == printed_of("stl10", "spline")
    assert printed_of("stl10", "spline")[28] == printed_map("stl10")["spline", 28] == 0.801
    assert printed_of("stl10", "released_fourier") == printed_of("digits", "spline") == {}
    row = rows_of(against_paper_table(results))["released_toy_spline", "16"]
    summary = results.summary(results.cell("released_toy_spline", 16))
    for metric in ("map", "map_released"):
        assert float(row[metric]) == pytest.approx(summary[f"{metric}_mean"], rel=1e-8)


def test_the_papers_competitors():
    found = {one.name: one for one in competitors("stl10")}
    assert {name for name, one in found.items() if one.here} == {"TBH"} and competitors("digits") == []
    assert found.keys() == {"DCGH", "BGDH", "TBH", "GCNH", "DSH", "MeCoQ", "VTS", "TransHash"}
    assert found["TBH"].printed == {16: 0.851, 28: 0.870, 32: 0.873, 64: 0.878, 128: 0.882}
    assert all(one.why and list(one.printed) == [16, 28, 32, 64, 128] for one in found.values())
    assert printed_of("stl10", "tbh") == found["TBH"].printed


def test_a_competitor_that_takes_part_stands_under_its_printed_numbers(results, monkeypatch):
    mine = [Competitor("TBH", "toy_tbh", "takes part", {16: 0.851, 28: 0.870}), Competitor("DSH", None, "labels", {})]
    monkeypatch.setattr("analysis.tables.competitors.competitors", lambda dataset: mine)
    table = competitors_table(results)
    rows = [[entry.in_csv for entry in row] for row in table.rows]
    assert [row[:3] for row in rows] == [
        ["TBH", "yes", "takes part"], ["toy_tbh", "", "map_released"], ["toy_tbh", "", "map"], ["DSH", "no", "labels"],
    ]  # fmt: skip
    summary = results.summary(results.cell("toy_tbh", 16))
    assert [float(row[3]) for row in rows[:3]] == pytest.approx(
        [0.851, summary["map_released_mean"], summary["map_mean"]], rel=1e-8
    )
    assert rows[1][4] == rows[3][3] == MISSING and table.rules == {0, 3}  # no 28 bits here, and no number of DSH
