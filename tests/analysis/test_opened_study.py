"""What one gets of a study in Python, beside its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure

import analysis
from analysis import OpenedStudy, open_study
from hasher.errors import UserError
from study.drive.runner import StudyResult
from tests.study import conftest

blobs, finished = conftest.blobs, conftest.finished


@pytest.fixture
def opened(finished: StudyResult) -> OpenedStudy:
    return open_study(finished.folder.path)


def test_its_records_are_those_of_the_files(opened: OpenedStudy, finished: StudyResult) -> None:
    records = pd.read_csv(finished.folder.records)
    assert len(opened.trials) == (records.kind == "search").sum() == 12
    assert len(opened.replicates) == (records.kind == "test").sum() and opened.replicates["score"].notna().all()
    assert len(opened.curves) == len(pd.read_csv(finished.folder.curves)) and opened.datasets == ["blobs"]
    means = records[(records.kind == "test") & (records.method == "gcn")]["map"].mean()
    assert opened.scores.set_index("method").loc["gcn", "score_mean"] == pytest.approx(means)


def test_what_is_returned_may_be_changed(opened: OpenedStudy) -> None:
    for frame in (opened.trials, opened.curves, opened.scores, opened.table()):
        frame.iloc[:, 0] = "changed"
    assert not any((frame.iloc[:, 0] == "changed").any() for frame in (opened.trials, opened.curves, opened.scores))


def test_every_table_is_a_frame_with_numbers(opened: OpenedStudy) -> None:
    names = opened.tables()
    assert {"main", "intervals", "tests", "pairs", "cost", "ladder"} <= names.keys()
    for name in names:
        assert isinstance(opened.table(name), pd.DataFrame)
    assert opened.paired_tests()["bits"].dtype == np.int64 and len(opened.intervals())
    with pytest.raises(UserError, match="no such table, there are main"):
        opened.table("best")


def test_figures_are_drawn_and_a_notebook_shows_them(opened: OpenedStudy) -> None:
    assert "map-by-bits" in opened.figures()
    figure = opened.figure("learning-curves")
    assert isinstance(figure, Figure)
    shown, _ = DisplayFormatter().format(figure)
    assert shown["image/png"].startswith(b"\x89PNG")
    with pytest.raises(UserError, match="no such figure"):
        opened.figure("portrait")


def test_winners_are_hashers(opened: OpenedStudy) -> None:
    saved = opened.winner("Cheby", 8)
    assert saved.settings["method"] == "chebyshev"
    for method, bits in (("gcn", 9), ("wavelet", 8)):
        with pytest.raises(UserError):
            opened.winner(method, bits)


def test_a_data_set_must_be_named_where_there_are_more(opened: OpenedStudy) -> None:
    with pytest.raises(UserError, match="the study has blobs"):
        opened.table("main", "digits")
    with pytest.raises(UserError, match="not a study"):
        open_study(Path("nowhere"))
    with pytest.raises(AttributeError, match="no attribute 'closed'"):
        analysis.closed  # noqa: B018
