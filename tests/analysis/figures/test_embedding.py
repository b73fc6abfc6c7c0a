"""Figures as data URIs: which file they hold, and that few colours are near all of them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from analysis.figures.canvas import single
from analysis.figures.embedding import LARGEST_SVG, MANY_DATASETS, embedding_for, in_few_colours, sharp
from analysis.figures.study_figure import StudyFigure
from analysis.figures.writing import write_figure


def draw():
    figure, panel = single()
    for colour in ("#0060A0", "#F0803C", "#7A1F5C"):
        panel.plot(np.random.default_rng(0).random(50), color=colour)
    return figure


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_figure(StudyFigure("one", "One", "A figure.", draw), tmp_path_factory.mktemp("figures")).files


def content(uri, kind):
    assert uri.startswith(f"data:image/{kind};base64,")
    return base64.b64decode(uri.partition(",")[2])


def test_a_page_of_few_data_sets_holds_the_files_themselves(files, tmp_path):
    assert embedding_for(MANY_DATASETS - 1) is sharp
    assert content(sharp(files), "svg+xml") == files.svg.read_bytes()
    files.svg.write_bytes(files.svg.read_bytes().ljust(LARGEST_SVG + 1))
    assert content(sharp(files), "png") == files.png.read_bytes()


def test_a_page_of_many_holds_pictures_of_few_colours(files):
    assert embedding_for(MANY_DATASETS) is in_few_colours
    few = content(in_few_colours(files), "png")
    assert len(few) < files.png.stat().st_size / 2
    pixels = [np.asarray(Image.open(one).convert("RGB"), int) for one in (io.BytesIO(few), files.png)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 2
