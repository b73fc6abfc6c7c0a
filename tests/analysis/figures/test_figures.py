"""What figures show, read back from what was drawn and compared with the records."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections import defaultdict

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from analysis import style
from analysis.figures import dataset_figures
from analysis.figures.bits import LEAST_SPAN
from analysis.figures.drawn_data import drawn_data
from analysis.figures.search import Axis
from analysis.figures.writing import write_figure
from analysis.names import label
from analysis.per_query import per_query
from analysis.results import results_of
from analysis.statistics.intervals import bootstrap_interval
from analysis.study_records import load_study
from study.plan.tasks import Cell
from tests.analysis.degenerate import STUDIES
from tests.analysis.synthetic import LEVELS, Truth, make_spec, write_study

IN_ORDER = ["spline", "lanczos", "chebyshev", "gcn", "fourier", "none"]


def figures_of(study, dataset="digits"):
    return {figure.key: figure for section in dataset_figures(study, dataset).values() for figure in section}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A study of every filter, with the figures of one data set and what each draws."""
    spec = make_spec(bits=[16, 32, 64], trials=12, replicates=3, epochs=8)
    study = load_study(write_study(tmp_path_factory.mktemp("runs"), spec))
    found = figures_of(study)
    return study, found, {key: figure.draw() for key, figure in found.items() if figure.drawing is not None}


def test_files_are_the_same_every_time_and_vanish_with_what_they_show(tmp_path):
    study = load_study(STUDIES["smallest"](tmp_path))
    curves, balance = figures_of(study)["learning-curves"], figures_of(study)["bit-balance"]
    written = [write_figure(figure, tmp_path).files for figure in (curves, balance)]
    before = [(file.svg.read_bytes(), file.png.read_bytes(), file.csv.read_text()) for file in written]
    written = [write_figure(figure, tmp_path).files for figure in (curves, balance)]
    assert [(file.svg.read_bytes(), file.png.read_bytes(), file.csv.read_text()) for file in written] == before
    study.folder.curves.unlink()
    assert write_figure(figures_of(load_study(study.folder.path))["learning-curves"], tmp_path).files is None
    assert {path.name for path in tmp_path.glob("*.*")} == {f"bit-balance.{kind}" for kind in ("svg", "png", "csv")}


def test_the_numbers_of_every_figure_are_a_table_of_named_series(full):
    for key, figure in full[2].items():
        table = pd.read_csv(io.StringIO(drawn_data(figure)))
        assert len(table) > 2 and ("value" in table or table["series"].notna().all()), key


def test_a_method_has_one_colour_and_marker_in_all_figures(full):
    _, _, drawn = full
    seen = defaultdict(set)
    for key, figure in drawn.items():
        legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
        for legend in legends:
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
                seen[text.get_text()].add((matplotlib.colors.to_hex(handle.get_color()), handle.get_marker(), key))
    for name, look in style.METHODS.items():
        looks = {(colour, marker) for colour, marker, _ in seen[label(name)]}
        assert looks == {(look.colour.lower(), look.marker)}
        assert len(seen[label(name)]) >= 6
    titled = [axes for key in ("importance", "learning-curves", "map-by-knn-size") for axes in drawn[key].axes]
    for axes in titled:  # where each panel is a method, everything in colour has that method's
        name = next((name for name in style.METHODS if label(name) == axes.get_title()), None)
        colours = {matplotlib.colors.to_hex(line.get_color()) for line in axes.lines}
        colours |= {matplotlib.colors.to_hex(patch.get_facecolor()) for patch in axes.patches}
        if name is not None:
            assert colours <= {style.look(name).colour.lower(), style.GREY, style.BLACK, "#ffffff"}


def test_map_by_bits_shows_means_and_intervals_of_the_records(full):
    study, _, drawn = full
    containers = drawn["map-by-bits"].axes[0].containers
    assert len(containers) == 6
    for container, name in zip(containers, IN_ORDER, strict=True):
        line, _, (bars,) = container.lines
        assert line.get_color() == style.look(name).colour
        for bits, shown, bar in zip(study.spec.bits, line.get_ydata(), bars.get_segments(), strict=True):
            records = study.records.query("kind == 'test' and method == @name and bits == @bits")
            assert shown == pytest.approx(records["map"].mean())
            interval = bootstrap_interval(per_query(study, Cell("digits", name, bits)).values)
            assert bar[:, 1] == pytest.approx([interval.low, interval.high])


def test_the_papers_numbers_are_dashed_and_only_where_it_has_the_data_set(full, tmp_path):
    def dashed(figure):
        return [
            line for line in figure.axes[0].lines if line.get_linestyle() == "--" and line.get_color() != style.GREY
        ]

    assert not dashed(full[2]["map-by-bits"])
    study = load_study(STUDIES["two_data_sets"](tmp_path))
    lines = dashed(figures_of(study, "stl10")["map-by-bits"].draw())
    assert {line.get_color() for line in lines} == {style.look(name).colour for name in ("spline", "chebyshev")}
    poly = next(line for line in lines if line.get_color() == style.look("spline").colour)
    assert list(poly.get_ydata()) == [0.645, 0.801, 0.873, 0.882, 0.881]


def test_the_heat_map_holds_the_means(full):
    study, _, drawn = full
    shown = drawn["method-by-bits"].axes[0].images[0].get_array()
    table = study.records.query("kind == 'test' and bits > 0").pivot_table(index="method", columns="bits", values="map")
    expected = table.loc[IN_ORDER]
    assert np.asarray(shown) == pytest.approx(expected.to_numpy())


def test_best_so_far_counts_every_trial_and_only_complete_ones_as_best(full):
    study, _, drawn = full
    records = study.records.query("kind == 'search'")
    for key, spent in (("best-by-trials", lambda row: 1), ("best-by-device-seconds", lambda row: row.device_seconds)):
        for axes, length in zip(drawn[key].axes, study.spec.bits, strict=False):
            for line, method in zip(axes.lines, IN_ORDER, strict=True):
                best, total, expected = math.nan, 0.0, []
                cell = records["method"].eq(method) & records["bits"].eq(length)
                for row in records[cell].sort_values("index").itertuples():
                    total += spent(row)
                    if row.state == "complete":
                        best = row.map if math.isnan(best) else max(best, row.map)
                    expected.append((total, best))
                shown = np.column_stack([line.get_xdata(), line.get_ydata()])
                assert shown == pytest.approx(np.array(expected), nan_ok=True)


def test_curves_are_means_over_seeds(full):
    study, _, drawn = full
    evaluations = [study.evaluation("test", Cell("digits", "fourier", 32), index) for index in range(3)]
    line = next(one for one in drawn["precision-at-n"].axes[1].lines if one.get_color() == style.look("fourier").colour)
    assert line.get_ydata() == pytest.approx(np.mean([one["precision_at_n"] for one in evaluations], axis=0))
    assert list(line.get_xdata()) == list(evaluations[0]["cutoffs"])


def test_learning_curves_show_every_trial_and_mark_pruned_ones(full):
    study, _, drawn = full
    trials = study.records.query("kind == 'search' and bits == 32")
    curves = [line for axes in drawn["learning-curves"].axes for line in axes.lines if len(line.get_xdata()) > 1]
    ends = [line for axes in drawn["learning-curves"].axes for line in axes.lines if line.get_marker() in "|x"]
    assert len(curves) == len(trials)
    assert len(ends) == (trials["state"] != "complete").sum() > 0
    assert sum(line.get_linewidth() > 2 for line in curves) == 6  # one winner a method


def test_slices_leave_out_what_a_method_does_not_sample(full):
    """Filters without a graph have a kNN size in the records, its default, which says nothing."""
    _, _, drawn = full
    panel = next(axes for axes in drawn["slices"].axes if axes.get_title() == "kNN size")
    none = next(line for line in panel.lines if line.get_color() == style.look("none").colour)
    assert np.isnan(none.get_xdata()).all()
    gcn = next(line for line in panel.lines if line.get_color() == style.look("gcn").colour)
    assert not np.isnan(gcn.get_xdata()).any()


def test_trials_of_a_sweep_are_joined_only_where_nothing_else_varied(full, tmp_path):
    """Confounded trials are points alone; where only the order was sampled, the line is the median of each, each trial
    less the median of its cell plus the median of all, by hand."""
    study, found, drawn = full
    for key in ("map-by-filter-order", "map-by-knn-size"):
        assert all(line.get_linestyle() == "None" for axes in drawn[key].axes for line in axes.lines)
        assert "the other hyperparameters vary too" in found[key].sentence and "best" not in found[key].sentence
    orders = {"filter_order": {"type": "categorical", "choices": [2, 4, 8]}}
    spec = make_spec(methods=["chebyshev"], trials=40, replicates=1, epochs=4, space=orders)
    study = load_study(write_study(tmp_path, spec))
    trials = results_of(study, "digits").complete
    levels = defaultdict(list)
    for _, cell in trials.groupby("bits"):
        for row in cell.itertuples():
            levels[row.filter_order].append(row.map - cell["map"].median() + trials["map"].median())
    figure = figures_of(study)["map-by-filter-order"]
    (panel,) = figure.draw().axes
    (line,) = (one for one in panel.lines if one.get_linestyle() == "-")
    assert list(line.get_xdata()) == sorted(levels) == [2, 4, 8]
    assert line.get_ydata() == pytest.approx([np.median(levels[order]) for order in sorted(levels)])
    assert "vary too" not in figure.sentence


def test_points_without_an_order_are_not_joined(full):
    lines = [line for line in full[2]["cost-and-gain"].axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 6 and all(line.get_linestyle() == "None" for line in lines)


def test_the_paper_is_drawn_only_beside_data_it_has(full, tmp_path):
    keys = ("map-by-filter-order", "map-by-knn-size", "map-by-cutoff")
    study = load_study(STUDIES["two_data_sets"](tmp_path))
    for found, has in ((full[1], False), (figures_of(study), False), (figures_of(study, "stl10"), True)):
        for key in keys:
            dashed = [line for axes in found[key].draw().axes for line in axes.lines if line.is_dashed()
                      and line.get_color() in {style.GREY, *(look.colour for look in style.METHODS.values())}
                      and line.get_marker() == "None"]  # fmt: skip
            assert bool(dashed) == has == ("Dashed: the paper" in found[key].caption)


def test_the_colours_of_the_heat_map_do_not_make_much_of_little(tmp_path):
    narrow = make_spec(methods=["gcn", "none"], datasets=["vectors.npz"], bits=[16], trials=2, replicates=2, epochs=4)
    levels = {**LEVELS, "gcn": 0.6, "none": 0.59}
    study = load_study(write_study(tmp_path, narrow, Truth(levels=levels)))
    figure = figures_of(study, "vectors")["method-by-bits"]
    low, high = figure.draw().axes[0].images[0].get_clim()
    assert high - low == pytest.approx(LEAST_SPAN) and "Colours span 0.1" in figure.sentence


def test_drawing_leaves_matplotlib_as_it_was_and_needs_neither_pyplot_nor_ray():
    code = (
        "import sys, analysis.report, analysis.figures; "
        "sys.exit(str([name for name in ('ray', 'matplotlib.pyplot') if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_a_choice_that_a_method_lacks_has_no_place():
    """AGH's lengths beside KNNH, which has none; numbers come back from a CSV file as floats."""
    trials = pd.DataFrame(
        {"method": ["agh", "knnh", "agh"], "lengths": ["one", np.nan, "kept"], "width": [256.0, np.nan, 128.0]}
    )
    for name, choices in (("lengths", ("kept", "one")), ("width", (128, 256))):
        axis = Axis(name, 0, 1, False, choices, frozenset({"agh", "knnh"}))
        np.testing.assert_array_equal(axis.positions(trials), [1, np.nan, 0])
