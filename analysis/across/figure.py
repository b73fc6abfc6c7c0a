"""Average ranks on a line (Demšar 2006)."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis import style
from analysis.across.results import Across
from analysis.figures import canvas
from analysis.figures.study_figure import StudyFigure
from analysis.names import label

_TITLE = "Average ranks over data sets"


def rank_figure(found: Across) -> StudyFigure:
    """A mark a method at its average rank; a bar as long as the critical difference, where there is one."""
    order = found.average_ranks.argsort(kind="stable")
    sentence = (
        f"{label(found.methods[order[0]])} has the best average rank, {found.average_ranks[order[0]]:.2f} of "
        f"{len(found.methods)} methods over {len(found.datasets)} data sets"
    )
    if found.critical_difference is None:
        sentence += f"; {found.why_not_tested}."
    else:
        sentence += f"; methods under the bar, {found.critical_difference:.2f} ranks long, are not told from it."
    return StudyFigure("average-ranks", _TITLE, sentence, lambda: _draw(found))


def _draw(found: Across) -> Figure:
    order = list(found.average_ranks.argsort(kind="stable"))
    figure, panel = canvas.single(0.9 + 0.24 * len(order))
    for place, method in enumerate(order):
        name, rank = found.methods[method], float(found.average_ranks[method])
        look = style.look(name)
        panel.plot([1, rank], [place, place], color=style.GREY, linewidth=0.6, alpha=0.5)
        panel.plot([rank], [place], **look.line_style(markersize=7))
        ranks = found.ranks[:, method]
        panel.plot(ranks, [place] * len(ranks), linestyle="", marker="|", color=look.colour, alpha=0.7, markersize=6)
    difference = found.critical_difference
    if difference is not None:
        best = float(found.average_ranks.min())
        panel.plot([best, best + difference], [-0.9, -0.9], color=style.BLACK, linewidth=3, solid_capstyle="butt")
    panel.set_yticks(range(len(order)), [label(found.methods[method]) for method in order])
    panel.invert_yaxis()
    panel.set_xlim(0.7, len(order) + 0.3)
    panel.set_xlabel("average rank (1: highest score); strokes: each data set")
    return figure
