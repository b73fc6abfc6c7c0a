"""Which methods a figure draws in colour. A few can be told apart; a study of many has the others stand back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from analysis import style
from analysis.figures import canvas
from analysis.highlight import chosen, in_words
from analysis.names import by_family, label
from analysis.results import DatasetResults
from analysis.wording import counted
from study.record.export import family_of

#: Panels, a method each, that a figure has before it leaves some out.
MOST_PANELS = 8


@dataclass(frozen=True)
class Emphasis:
    """`coloured` are the methods that are drawn in colour, None where all are; `why` they are, in words."""

    coloured: frozenset[str] | None
    why: str

    def is_pale(self, method: str) -> bool:
        """Whether a method stands back."""
        return self.coloured is not None and method not in self.coloured

    def split(self, methods: Iterable[str]) -> tuple[list[str], list[str]]:
        """Those in colour, and those that stand back."""
        every = list(methods)
        return [one for one in every if not self.is_pale(one)], [one for one in every if self.is_pale(one)]

    def panels(self, methods: Sequence[str]) -> list[str]:
        """The methods that get a panel of their own: those in colour, where there are too many or none is."""
        coloured, _ = self.split(methods)
        return list(methods) if len(methods) <= MOST_PANELS or not coloured else coloured

    def legend(self, methods: Iterable[str], **changes: Any) -> tuple[list[Line2D], list[str]]:
        """Samples and labels: of each method in colour, then one for all of a family that stand back.

        `changes` are of the samples of methods in colour.
        """
        coloured, others = self.split(methods)
        handles, labels = [canvas.handle(style.look(one), **changes) for one in coloured], [*map(label, coloured)]
        seen = by_family(coloured)
        for family, pale in by_family(others).items():
            handles.append(canvas.handle(style.pale(family), linewidth=2))
            labels.append(f"{family}: {len(pale)}" + (" more" if family in seen else ""))
        return handles, labels

    def remark(self, methods: Iterable[str]) -> str:
        """A sentence on what is in colour; empty where no method stands back."""
        _, others = self.split(methods)
        return f"In colour: {self.why}; {counted(len(others), 'other method')} pale." if others else ""

    def panels_remark(self, methods: Sequence[str]) -> str:
        """The same of a figure of one panel a method."""
        left = len(methods) - len(self.panels(methods))
        return f"Shown: {self.why}; {counted(left, 'other method')} left out." if left else ""


def emphasis_of(results: DatasetResults) -> Emphasis:
    """What the figures of a data set have in common."""
    return results.study.once(("emphasis", results.dataset), lambda: _emphasis(results))


def _emphasis(results: DatasetResults) -> Emphasis:
    named = chosen(results)
    return Emphasis(None if named is None else frozenset(named), in_words(results))


def pale_line(method: str) -> dict[str, Any]:
    """Arguments for `Axes.plot` of a method that stands back."""
    return style.pale(family_of(method)).line_style(linewidth=1.0, zorder=1, label=label(method))
