"""The page of several studies: one HTML file that needs no network and no other file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from analysis.across.figure import rank_figure
from analysis.across.results import Across, across
from analysis.across.tables import improvement_table, ranks_table, scores_table
from analysis.figures.canvas import WIDTH
from analysis.figures.study_figure import to_svg
from analysis.page import render
from analysis.study_records import StudyRecords
from analysis.tables.formats import to_html
from analysis.tables.scores import main_table
from hasher.files import write_atomically

#: CSS pixels an inch.
_PIXELS = 96


def write_across(studies: Sequence[StudyRecords], path: Path) -> Across:
    """Write the page of several studies; raises as `across` does, before anything is written."""
    found = across(studies)
    write_atomically(path, _render(found, studies))
    return found


def _render(found: Across, studies: Sequence[StudyRecords]) -> str:
    figure = rank_figure(found)
    drawn = figure.draw()
    width, height = (round(inches * _PIXELS) for inches in drawn.get_size_inches())
    main_tables = [
        (name, Markup(to_html(main_table(one)))) for name, one in zip(found.labels, found.datasets, strict=True)
    ]
    return render(
        "across.html.j2",
        found=found,
        studies=studies,
        figure=figure,
        image=f"data:image/svg+xml;base64,{base64.b64encode(to_svg(drawn)).decode()}",
        width=min(width, round(WIDTH * _PIXELS)),
        height=height,
        tables=[
            Markup(to_html(table)) for table in (ranks_table(found), improvement_table(found), scores_table(found))
        ],
        main_tables=main_tables,
    )
