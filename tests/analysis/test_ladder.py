"""The loss ladder: rungs and steps against scores whose truth is known, and what is said of them."""

import csv
import io
import math

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from analysis import style
from analysis.figures.ladder import loss_ladder
from analysis.ladder import Ladder, ladder
from analysis.names import label
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables.formats import to_csv
from analysis.tables.ladder import ladder_table
from analysis.tables.table import MISSING
from hasher.errors import UserError
from study.plan.tasks import Cell
from tests.analysis.degenerate import STUDIES
from tests.analysis.synthetic import LEVELS, Truth, make_spec, write_study

STEPS = ("graph", "encoder", "binarisation")
MINUS = "\N{MINUS SIGN}"


def exactly(tmp_path, levels=None, ending=None, **changes):
    """A study in which nothing is left to chance: every score is its level, and 0.03 more before the signs."""
    truth = Truth(
        {**LEVELS, **(levels or {})}, seed=0, query=0, method_seed=0, method_query=0, noise=0, per_doubling=0.01
    )
    small = {"datasets": ["vectors.npz"], "methods": ["none", "gcn", "fourier"], "trials": 1, "replicates": 2}
    more = {} if ending is None else {"ending": ending}
    return load_study(write_study(tmp_path, make_spec(**{**small, **changes}), truth, **more))


def rows_of(study, dataset="vectors"):
    rows = csv.DictReader(io.StringIO(to_csv(ladder_table(results_of(study, dataset)))))
    return {(row["method"], int(row["bits"])): row for row in rows}


def notes_of(study, dataset="vectors"):
    return ladder_table(results_of(study, dataset)).notes


def test_rungs_and_steps_are_those_of_the_truth(tmp_path):
    rows = rows_of(exactly(tmp_path))
    assert list(rows) == [(name, bits) for name in ("gcn", "fourier", "none") for bits in (16, 32)]
    for (name, bits), row in rows.items():
        signs = LEVELS[name] + (0.01 if bits == 32 else 0)
        rungs = [0.55, 0.66, signs + 0.03, signs]
        for column, rung in zip(("float_cosine", "float_diffusion", "real_valued", "signs"), rungs, strict=True):
            assert float(row[column]) == pytest.approx(rung)
        assert [float(row[step]) for step in STEPS] == pytest.approx([0.11, signs + 0.03 - 0.66, -0.03])


def test_the_table_has_means_over_replicates(study_folder):
    study = load_study(study_folder)
    replicates = study.records[
        (study.records["dataset"] == "digits")
        & (study.records["family"] == "HAGCN")
        & (study.records["kind"] == "test")
    ]
    rows = rows_of(study, "digits")
    assert len(rows) == 12
    for (name, bits), own in replicates.groupby(["method", "bits"]):
        row = rows[name, bits]
        assert float(row["real_valued"]) == pytest.approx(own["map_real_valued"].mean())
        assert float(row["signs"]) == pytest.approx(own["map"].mean())
        total = sum(float(row[step]) for step in STEPS)
        assert total == pytest.approx(float(row["signs"]) - float(row["float_cosine"]), abs=1e-8)


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ({}, f"graph +0.110, encoder {MINUS}0.045 ({MINUS}0.100 to +0.000), signs {MINUS}0.030."),
        (
            {"float_diffusion": 0.5},
            f"graph {MINUS}0.050, encoder +0.115 (+0.060 to +0.160), signs {MINUS}0.030.",
        ),
    ],
)
def test_the_steps_are_told_with_their_range_and_without_a_verdict(tmp_path, levels, says):
    assert f"On average over the 6 cells with all four scores: {says}" in notes_of(exactly(tmp_path, levels))


def test_one_cell_has_no_range(tmp_path):
    study = exactly(tmp_path, {"gcn": 0.7}, methods=["gcn"], bits=[16])
    replicates = study.records["kind"] == "test"
    study.records.loc[replicates, "map_real_valued"] = study.records.loc[replicates, "map"] - 0.01
    assert notes_of(study)[2:] == [
        "In the one cell with all four scores: graph +0.110, encoder +0.030, signs +0.010.",
        "The real-valued outputs have a higher mean than float cosine in the one cell with both.",
    ]


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ({}, "all 6 cells with both."),
        (
            {"none": 0.515},
            "5 of the 6 cells with both: GCN at 16, 32 bits; Fourier at 16, 32 bits; No graph at 32 bits.",
        ),
        (dict.fromkeys(("none", "gcn", "fourier"), 0.4), "none of the cells with both (6)."),
    ],
)
def test_where_real_values_are_above_the_cosine(tmp_path, levels, says):
    notes = notes_of(exactly(tmp_path, levels))
    assert f"The real-valued outputs have a higher mean than float cosine in {says}" in notes
    assert not any(note.startswith(MISSING) for note in notes)


def test_a_replicate_without_real_values_leaves_its_cell_without_a_mean(tmp_path):
    """A mean over the other replicates would be set against signs of all of them."""
    study = exactly(tmp_path)
    gcn = (study.records["method"] == "gcn") & (study.records["bits"] == 16) & (study.records["kind"] == "test")
    study.records.loc[gcn & (study.records["index"] == 1), "map_real_valued"] = np.nan
    row = rows_of(study)["gcn", 16]
    assert row["real_valued"] == row["encoder"] == row["binarisation"] == MISSING
    assert float(row["signs"]) == pytest.approx(0.59) and float(row["graph"]) == pytest.approx(0.11)
    notes = notes_of(study)
    assert any("over the 5 cells with all four" in note for note in notes) and notes[-1].startswith(
        f"{MISSING}: no such"
    )


def test_without_baselines_or_replicates_there_are_only_dashes(tmp_path):
    holes = load_study(STUDIES["holes"](tmp_path))
    rows = rows_of(holes, "digits")
    assert [row["signs"] != MISSING for row in rows.values()] == [False, True, False, False]
    assert {row[name] for row in rows.values() for name in ("float_cosine", "float_diffusion", "graph", "encoder")} == {
        MISSING
    }
    assert float(rows["chebyshev", 32]["binarisation"]) < 0
    assert not any("On average" in note or "float cosine in" in note for note in notes_of(holes, "digits"))
    empty = load_study(STUDIES["not_begun"](tmp_path))
    assert {entry.text for row in ladder_table(results_of(empty, "digits")).rows for entry in row[2:]} == {MISSING}
    assert math.isnan(ladder(empty, Cell("digits", "gcn", 16)).signs)


def test_the_steps_of_a_ladder_are_its_differences():
    assert Ladder(0.5, 0.75, 0.625, 0.5).steps == (0.25, -0.125, -0.125)
    assert np.isnan(Ladder(math.nan, 0.75, 0.625, 0.5).steps[0])


def test_records_without_the_column_are_refused(study_folder, tmp_path):
    (tmp_path / "study.yaml").write_bytes((study_folder / "study.yaml").read_bytes())
    pd.read_csv(study_folder / "records.csv").drop(columns="map_real_valued").to_csv(tmp_path / "records.csv")
    with pytest.raises(UserError, match="no column map_real_valued"):
        load_study(tmp_path)


@pytest.fixture(scope="module")
def drawn(study_folder):
    study = load_study(study_folder)
    figure = loss_ladder(results_of(study, "digits"))
    return study, figure, figure.draw()


def test_the_figure_shows_the_rungs_of_every_cell(drawn):
    study, _, figure = drawn
    assert [axes.get_title() for axes in figure.axes] == ["16 bits", "32 bits"]
    for axes, bits in zip(figure.axes, (16, 32), strict=True):
        for name, look in style.METHODS.items():
            (line,) = (one for one in axes.lines if one.get_color() == look.colour)
            assert line.get_marker() == look.marker
            expected = ladder(study, Cell("digits", name, bits))
            assert list(line.get_ydata()) == pytest.approx([expected.real_valued, expected.signs])
            assert np.round(line.get_xdata()).tolist() == [2, 3]
        levels = [one.get_ydata()[0] for one in axes.lines if one.get_marker() in (".", "p")]
        assert levels == pytest.approx([expected.float_cosine, expected.float_diffusion])


def test_the_legend_names_what_is_drawn(drawn, tmp_path):
    names = [text.get_text() for text in drawn[2].legends[0].get_texts()]
    assert names == ["Float cosine", "Float diffusion", "Spline", "Lanczos", "Chebyshev", "GCN", "Fourier", "No graph"]
    for handle, name in zip(drawn[2].legends[0].legend_handles[2:], names[2:], strict=True):
        method = next(one for one in style.METHODS if label(one) == name)
        assert matplotlib.colors.same_color(handle.get_color(), style.look(method).colour)
    holes = loss_ladder(results_of(load_study(STUDIES["holes"](tmp_path)), "digits")).draw()
    assert [text.get_text() for text in holes.legends[0].get_texts()] == ["Chebyshev"]


def test_the_sentence_follows_the_best_codes_down(tmp_path):
    assert loss_ladder(results_of(exactly(tmp_path), "vectors")).sentence == (
        "At 32 bits, down to the codes of Fourier, which have the highest mean: float cosine 0.550, float diffusion "
        "over the graph of the database 0.660 (+0.110), the encoder's outputs 0.660 (+0.000), their signs 0.630 "
        f"({MINUS}0.030)."
    )
    alone = exactly(tmp_path, methods=["gcn"], bits=[8], name="alone", ending=only_hashers)
    assert loss_ladder(results_of(alone, "vectors")).sentence == (
        f"At 8 bits, down to the codes of GCN: the encoder's outputs 0.610, their signs 0.580 ({MINUS}0.030)."
    )


def only_hashers(task):
    return "complete" if task.cell.method == "gcn" else None


def test_without_replicates_there_is_nothing_to_draw(tmp_path):
    study = exactly(tmp_path, ending=lambda task: None if task.kind == "test" else "complete")
    figure = loss_ladder(results_of(study, "vectors"))
    assert figure.drawing is None and "no replicate has a test score" in figure.sentence
