"""Figures of a study: `dataset_figures` describes them, `write_figures` draws them into the study folder.

A family of figures is a module here, listed in `catalogue`.
"""

from analysis.figures.catalogue import dataset_figures
from analysis.figures.study_figure import StudyFigure
from analysis.figures.writing import Files, WrittenFigure, write_dataset_figures, write_figures

__all__ = ["Files", "StudyFigure", "WrittenFigure", "dataset_figures", "write_dataset_figures", "write_figures"]
