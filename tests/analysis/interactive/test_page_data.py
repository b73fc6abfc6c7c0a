"""What a report's script is given, against the records and another way to its numbers."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from matplotlib.markers import MarkerStyle
from PIL import Image

from analysis.interactive import page_data
from analysis.interactive.asked_cells import MOST_EPOCHS
from analysis.interactive.asked_queries import picture_uri
from analysis.interactive.rounding import rounded
from analysis.interactive.scores import outline
from analysis.results import results_of
from analysis.statistics.intervals import bootstrap_interval, error_interval
from analysis.study_records import load_study
from hasher.search.pictures import Picture
from tests.analysis.degenerate import STUDIES


@pytest.fixture(scope="module")
def study(study_folder):
    return load_study(study_folder)


@pytest.fixture(scope="module")
def data(study):
    return json.loads(page_data(study))


def test_every_score_is_the_mean_of_the_test_runs(study, data):
    for dataset in data["datasets"]:
        for name in (metric["name"] for metric in data["metrics"]):
            for method, row in zip(dataset["methods"], dataset["scores"][name], strict=True):
                for bits, score in zip(dataset["bits"], row, strict=True):
                    runs = study.runs("test", results_of(study, dataset["key"]).cell(method["name"], bits))
                    known = runs.loc[runs["state"] == "complete", name].dropna()
                    assert (score is None) == known.empty
                    if score is not None:
                        assert score[0] == pytest.approx(known.mean(), abs=6e-5) and score[2] == len(known)
                        assert score[3] is None or score[3] <= score[0] <= score[4]


def test_trials_are_ranked_with_the_winner_first_and_their_own_curves(study, data):
    for cell in data["datasets"][0]["cells"]:
        if "trials" not in cell:
            continue
        results = results_of(study, "digits")
        here = results.cell(cell["method"], cell["bits"])
        winner, trials = study.winner(here), study.runs("search", here)
        order = [int(row[0]) for row in cell["trials"]["rows"]]
        assert order[0] == winner["index"] and sorted(order) == list(trials["index"])
        for index, curve in zip(order, cell["curves"], strict=True):
            rows = study.curves.query(f"kind == 'search' and dataset == 'digits' and method == '{cell['method']}'")
            rows = rows[(rows["bits"] == cell["bits"]) & (rows["index"] == index)]
            assert curve[0] == list(rows["epoch"]) and len(curve[0]) <= MOST_EPOCHS
            drawn = [np.nan if score is None else score for score in curve[1]]
            assert drawn == pytest.approx(list(rows["score"]), abs=6e-5, nan_ok=True)


@pytest.mark.parametrize("name", ["not_begun", "holes", "bare"])
def test_studies_in_which_much_is_missing_have_data_too(name, tmp_path):
    data = json.loads(page_data(load_study(STUDIES[name](tmp_path))))
    assert len(data["datasets"]) == 1 and (name == "not_begun") == (not data["metrics"])


def test_no_text_of_a_study_ends_the_element_that_holds_it(tmp_path):
    study = load_study(STUDIES["bare"](tmp_path))
    study.records["error"] = study.records["error"].astype(object)
    study.records.loc[0, "error"] = "</script><b>"
    written = page_data(study)
    assert "<" not in written and "</script><b>" in str(json.loads(written))


def test_the_quick_interval_is_the_bootstraps():
    rng = np.random.default_rng(0)
    values = rng.normal(0.6, 0.1, (5, 1)) * 0.1 + rng.normal(0.5, 0.2, 400) + rng.normal(0, 0.05, (5, 400))
    slow, quick = bootstrap_interval(values, resamples=20000), error_interval(values)
    assert quick.high - quick.low == pytest.approx(slow.high - slow.low, rel=0.05)
    assert quick.high + quick.low == pytest.approx(slow.high + slow.low)


def test_numbers_are_short_and_never_nan():
    assert [rounded(value) for value in (0.123456, 3.0, float("nan"), float("inf"))] == [0.1235, 3, None, None]


@pytest.mark.parametrize(("marker", "corners"), [("s", 4), ("^", 3), ("x", 4)])
def test_an_outline_has_the_corners_of_the_marker(marker, corners):
    style = MarkerStyle(marker)
    points = style.get_path().transformed(style.get_transform()).vertices[:corners]
    written = outline(marker).replace("L", "M").split("M")[1 : corners + 1]
    found = np.array([[float(part) for part in pair.split()] for pair in written])
    assert found == pytest.approx(points * [1, -1], abs=0.005)


@pytest.mark.parametrize(("side", "kept"), [(8, True), (200, False)])
def test_few_pixels_are_kept_and_large_pictures_made_small(side, kept):
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    kind, _, content = picture_uri(Picture(pixels)).partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{'png' if kept else 'jpeg'}" and max(image.size) <= 56
    assert not kept or np.array_equal(np.asarray(image), pixels)


def test_an_item_without_a_picture_has_none():
    assert picture_uri(Picture(None, "gone")) is None
