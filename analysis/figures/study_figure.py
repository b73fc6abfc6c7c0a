"""A figure and the sentence it goes with, before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure

from analysis import style


@dataclass(frozen=True)
class StudyFigure:
    """What a figure shows of one data set.

    `sentence` says what to see, with the numbers of this study. Where there is nothing to draw, `drawing` is None and
    the sentence says why.
    """

    key: str  #: its file name
    title: str
    sentence: str
    drawing: Callable[[], Figure] | None

    def draw(self) -> Figure:
        """The figure, in the settings of `analysis.style`. Raises `ValueError` where there is nothing to draw."""
        if self.drawing is None:
            raise ValueError(f"{self.key}: {self.sentence}")
        with matplotlib.rc_context(style.SETTINGS):
            return self.drawing()


def nothing_to_draw(key: str, title: str, because: str) -> StudyFigure:
    """Stands in for a figure whose input is missing."""
    return StudyFigure(key, title, f"Nothing to draw because {because}.", None)
