"""Hyperparameter importance per method."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis import style
from analysis.claims.effects import effects, too_few
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.importance import EVALUATOR, Importances, importances
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import hyperparameter

#: What the mark beside a bar stands for.
ABOVE = "shown above this"


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [importance(results)]


def importance(results: DatasetResults) -> StudyFigure:
    """A panel a method, a bar a hyperparameter, and how far a bar gets by chance."""
    key, title = "importance", f"Importance of the hyperparameters ({EVALUATOR})"
    if results.complete.empty:
        return nothing_to_draw(key, title, "no search trial is complete")
    emphasis = emphasis_of(results)
    panels = emphasis.panels(results.searched)
    found = results.study.once(
        ("importances", results.dataset), lambda: importances(results.study.spec, panels, results.complete)
    )
    if not found:
        return nothing_to_draw(key, title, f"every method has {too_few()}; no effect is told of so few")
    left_out = [name for name in panels if name not in {one.method for one in found}]
    remark = emphasis.panels_remark(results.searched)
    return StudyFigure(key, title, effects(found, left_out), lambda: _draw(found), remark)


def _draw(found: list[Importances]) -> Figure:
    names = list(dict.fromkeys(name for one in found for name in one.of))
    names.sort(key=lambda name: max(one.of[name].share for one in found if name in one.of))
    grid = canvas.facets([label(one.method) for one in found], height=0.6 + 0.19 * len(names), sharex=True, sharey=True)
    for panel, one in zip(grid.panels, found, strict=True):
        shares = [one.of[name].share if name in one.of else 0.0 for name in names]
        panel.barh(
            range(len(names)), shares, color=style.look(one.method).colour, height=0.7, alpha=0.85, label="importance"
        )
        for row, name in enumerate(names):
            if name not in one.of:
                panel.text(0.01, row, "–", va="center")
            else:
                chance = min(1.0, one.of[name].by_chance)
                panel.plot([chance, chance], [row - 0.4, row + 0.4], color="white", linewidth=3)
                panel.plot([chance, chance], [row - 0.4, row + 0.4], color=style.BLACK, linewidth=1.3, label=ABOVE)
        panel.grid(visible=False, axis="y")
        panel.set_xlim(0, 1)
        panel.set_yticks(range(len(names)), [hyperparameter(name) for name in names])
    grid.label("share of the importance", "")
    bar = canvas.handle(style.Look(style.GREY, ""), linewidth=7)
    tick = canvas.handle(style.Look(style.BLACK, "|", ""), markersize=12, markeredgewidth=1.3)
    grid.legend([bar, tick], ["importance", ABOVE])
    return grid.figure
