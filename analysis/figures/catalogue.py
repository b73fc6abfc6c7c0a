"""All figures of a data set, in the sections and the order of the report."""

from __future__ import annotations

from collections.abc import Callable

from analysis.figures import (
    bits,
    codes,
    cost,
    cutoff,
    importance,
    ladder,
    neighbours,
    progress,
    retrieval,
    search,
    sweeps,
    tuning,
)
from analysis.figures.study_figure import StudyFigure
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords

Family = Callable[[DatasetResults], list[StudyFigure]]

#: Families of figures by the section of the report they belong to.
SECTIONS: dict[str, tuple[Family, ...]] = {
    "results": (bits.figures, ladder.figures, retrieval.figures, codes.figures, neighbours.figures),
    "paper": (sweeps.figures, cutoff.figures),
    "hyperparameters": (importance.figures, search.figures),
    "cost": (cost.figures, progress.figures, tuning.figures),
}


def dataset_figures(study: StudyRecords, dataset: str) -> dict[str, list[StudyFigure]]:
    """Every figure of one data set by section, those with nothing to draw included."""
    results = results_of(study, dataset)
    return {
        section: [figure for family in families for figure in family(results)] for section, families in SECTIONS.items()
    }
