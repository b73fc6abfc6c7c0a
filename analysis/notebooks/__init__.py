"""Three notebooks on one study; `python -m analysis.notebooks STUDY` executes and saves them.

What they have in common is here: which study they read, and how a figure appears in them.
"""

from __future__ import annotations

import os
from pathlib import Path

from analysis.figures import StudyFigure, dataset_figures
from analysis.study_records import StudyRecords, load_study
from analysis.tables import render_tables

FOLDER = Path(__file__).parent
#: Names the folder of a study in place of a notebook's parameter.
VARIABLE = "HAGCN_STUDY"
#: Dots an inch of the figures: notebooks are kept in the repository with their outputs, so no more than is needed.
RESOLUTION = 100


def open_study(folder: str) -> StudyRecords:
    """The study in the folder that ``HAGCN_STUDY`` names, otherwise in `folder`.

    A relative path is looked for in the working directory and then beside the packages, so that a notebook finds
    ``runs/digits`` wherever it was opened.
    """
    path = Path(os.environ.get(VARIABLE) or folder)
    beside = FOLDER.parents[1] / path
    return load_study(path if path.is_dir() or not beside.is_dir() else beside)


def figures(study: StudyRecords) -> dict[tuple[str, str], StudyFigure]:
    """Every figure of a study by data set and key."""
    return {
        (dataset, figure.key): figure
        for dataset in study.datasets
        for section in dataset_figures(study, dataset).values()
        for figure in section
    }


def tables(study: StudyRecords) -> dict[str, str]:
    """Every document of tables as Markdown, by the name of its file: ``digits``, ``digits-against-paper``."""
    return {path.stem: content for path, content in render_tables(study).items() if path.suffix == ".md"}


def show_table(markdown: str) -> None:
    """Display a document of tables."""
    from IPython.display import Markdown, display

    display(Markdown(markdown))


def show(figure: StudyFigure) -> None:
    """Display a figure with its title and caption, or why there is none."""
    from IPython.display import Image, Markdown, display  # comes with the notebook's kernel

    display(Markdown(f"**{figure.title}.** {figure.caption}"))
    if figure.drawing is not None:
        display(Image(figure.png(RESOLUTION), alt=figure.title))
