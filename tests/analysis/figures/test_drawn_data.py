"""The tables behind figures, against the numbers that were drawn."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis import style
from analysis.figures.bits import figures
from analysis.figures.drawn_data import drawn_data
from analysis.results import results_of
from analysis.study_records import load_study


def read(drawn):
    return pd.read_csv(io.StringIO(drawn_data(drawn)), dtype={"bits": str})


def test_lines_with_intervals_are_means_with_the_ends_of_theirs(study_folder):
    results = results_of(load_study(study_folder), "digits")
    table = read(figures(results)[0].draw())
    for row in table.itertuples():
        method = next(one for one in results.compared if style.look(one).label == row.series)
        cell = results.cell(method, int(row.bits))
        assert row[-3] == pytest.approx(results.summary(cell)["score_mean"], rel=1e-5)
        if method in results.methods:
            interval = results.interval(cell)
            assert (row.low, row.high) == pytest.approx((interval.low, interval.high), rel=1e-5)
    assert len(table) == len(results.compared) * len(results.bits)


def test_a_heat_map_has_a_row_an_entry(study_folder):
    results = results_of(load_study(study_folder), "digits")
    table = read(figures(results)[1].draw())
    assert len(table) == len(results.methods) * len(results.bits) and set(table["bits"]) == {"16", "32"}
    first = results.summary(results.cell(results.methods[0], 16))["score_mean"]
    assert table["value"].iloc[0] == pytest.approx(first, rel=1e-5)


def test_panels_words_of_axes_marks_and_bars_are_named_and_what_has_no_label_is_left_out():
    figure = Figure()
    panel = figure.subplots()
    panel.set_title("A panel")
    panel.set_xlabel("share")
    panel.barh([0, 1], [0.25, 0.5], label="importance")
    panel.plot([0.1, 0.1], [0.6, 1.4], label="level")
    panel.plot([1, 2], [3, 4])
    panel.set_yticks([0, 1], ["alpha", "beta"])
    assert drawn_data(figure).splitlines() == [
        "panel,series,share,y", "A panel,importance,0.25,alpha", "A panel,importance,0.5,beta",
        "A panel,level,0.1,beta",
    ]  # fmt: skip


def test_a_figure_without_numbers_has_no_table():
    figure = Figure()
    figure.subplots().imshow([[[0.0, 0.0, 0.0]]])
    assert drawn_data(figure) is None
