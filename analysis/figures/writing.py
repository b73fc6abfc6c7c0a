"""Figures as files: ``figures/<data set>/<key>.svg``, ``.png`` and their numbers, ``.csv``, in the study folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.figures.catalogue import dataset_figures
from analysis.figures.drawn_data import drawn_data
from analysis.figures.study_figure import StudyFigure, to_png, to_svg
from analysis.study_records import StudyRecords
from hasher.files import write_atomically


@dataclass(frozen=True)
class Files:
    """A drawn figure on disk, its size in inches, and its numbers; None of a figure of pictures alone."""

    svg: Path
    png: Path
    csv: Path | None
    width: float
    height: float


@dataclass(frozen=True)
class WrittenFigure:
    """A figure and its files; None where there was nothing to draw."""

    figure: StudyFigure
    files: Files | None


#: Figures of each section.
Sections = dict[str, list[WrittenFigure]]


def write_dataset_figures(study: StudyRecords, dataset: str) -> Sections:
    """Draw every figure of a data set, each once, and write it in both formats; by section of the report.

    Files of an earlier run whose figure has nothing to draw any more are removed.
    """
    folder = study.folder.path / "figures" / dataset
    return {
        section: [write_figure(figure, folder) for figure in figures]
        for section, figures in dataset_figures(study, dataset).items()
    }


def write_figures(study: StudyRecords) -> list[Path]:
    """Draw every figure of every data set of a study; the files written."""
    sections = [found for dataset in study.datasets for found in write_dataset_figures(study, dataset).values()]
    files = [one.files for figures in sections for one in figures if one.files is not None]
    return [path for one in files for path in (one.svg, one.png, one.csv) if path is not None]


def write_figure(figure: StudyFigure, folder: Path) -> WrittenFigure:
    """Draw one figure into `folder`."""
    svg, png, csv = (folder / f"{figure.key}.{kind}" for kind in ("svg", "png", "csv"))
    if figure.drawing is None:
        for path in (svg, png, csv):
            path.unlink(missing_ok=True)
        return WrittenFigure(figure, None)
    drawn = figure.draw()
    numbers = drawn_data(drawn)
    if numbers is not None:
        write_atomically(csv, numbers)
    write_atomically(png, to_png(drawn))
    drawn.set_layout_engine("none")  # the first format has found the layout, which takes most of the time
    write_atomically(svg, to_svg(drawn))
    width, height = drawn.get_size_inches()
    return WrittenFigure(figure, Files(svg, png, None if numbers is None else csv, float(width), float(height)))
