"""A figure and the sentence it goes with, before anything is drawn."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from analysis import style

#: Dots an inch of PNG files, and of pictures within SVG files.
RESOLUTION = 160


@dataclass(frozen=True)
class StudyFigure:
    """What a figure shows of one data set.

    `sentence` says what to see, with the numbers of this study. Where there is nothing to draw, `drawing` is None and
    the sentence says why. `remark` is on how it is drawn.
    """

    key: str  #: its file name
    title: str
    sentence: str
    drawing: Callable[[], Figure] | None
    remark: str = ""

    @property
    def caption(self) -> str:
        """All that is said of it."""
        return f"{self.sentence} {self.remark}".rstrip()

    def draw(self) -> Figure:
        """The figure, in the settings of `analysis.style`. Raises `ValueError` where there is nothing to draw."""
        if self.drawing is None:
            raise ValueError(f"{self.key}: {self.sentence}")
        with matplotlib.rc_context(style.SETTINGS):
            return self.drawing()

    def png(self, resolution: int = RESOLUTION) -> bytes:
        """The figure drawn, as the bytes of a PNG file with this many dots an inch."""
        return to_png(self.draw(), resolution)


def to_png(drawn: Figure, resolution: int = RESOLUTION) -> bytes:
    """The bytes of a PNG file."""
    return _save(drawn, format="png", dpi=resolution, metadata={"Software": None})


def to_svg(drawn: Figure) -> bytes:
    """The bytes of an SVG file; the same figure gives the same bytes."""
    return _save(drawn, format="svg", dpi=RESOLUTION, metadata={"Date": None, "Creator": None})


def _save(drawn: Figure, **how: Any) -> bytes:
    file = io.BytesIO()
    with matplotlib.rc_context(style.SETTINGS):
        drawn.savefig(file, **how)
    return file.getvalue()


def nothing_to_draw(key: str, title: str, because: str) -> StudyFigure:
    """Stands in for a figure whose input is missing."""
    return StudyFigure(key, title, f"Nothing to draw because {because}.", None)
