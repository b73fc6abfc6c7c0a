"""Hyperparameter importance per method."""

from __future__ import annotations

from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.importance import EVALUATOR, FEWEST_TRIALS, Importances, importances
from analysis.names import label
from analysis.results import DatasetResults
from analysis.wording import counted, hyperparameter, listed


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
    computed = {name: importances(results.study.spec, name, results.complete) for name in panels}
    found = [one for one in computed.values() if one is not None]
    if not found:
        return nothing_to_draw(
            key, title, f"no method has {FEWEST_TRIALS} complete trials that differ in score and in two hyperparameters"
        )
    left_out = [label(name) for name, one in computed.items() if one is None]
    remark = emphasis.panels_remark(results.searched)
    return StudyFigure(key, title, _sentence(found, left_out), lambda: _draw(found), remark)


def _sentence(found: list[Importances], left_out: list[str]) -> str:
    above = {
        label(one.method): [hyperparameter(name) for name, share in one.shares.items() if share > one.by_chance[name]]
        for one in found
    }
    telling = [f"{listed(names)} for {name}" for name, names in above.items() if names]
    quantiles = sorted({round(100 * one.quantile) for one in found})
    span = f"{quantiles[0]}%" if len(quantiles) == 1 else f"{quantiles[0]} to {quantiles[-1]}%"
    fewest, most = min(one.trials for one in found), max(one.trials for one in found)
    trials = counted(most, "complete trial") if fewest == most else f"{fewest} to {most} complete trials"
    missing = f" Not computed for {listed(left_out)}: too few complete trials or hyperparameters." if left_out else ""
    return (
        f"Above what shuffled scores reach in 1 of 20 cases (the black ticks): {'; '.join(telling) or 'nothing'}. "
        f"Optuna's {EVALUATOR}: where the best {span} of {trials} a method, all code lengths together, lie apart "
        f"from the rest.{missing}"
    )


def _draw(found: list[Importances]) -> Figure:
    names = list(dict.fromkeys(name for one in found for name in one.shares))
    names.sort(key=lambda name: max(one.shares.get(name, 0.0) for one in found))
    grid = canvas.facets([label(one.method) for one in found], height=0.6 + 0.19 * len(names), sharex=True, sharey=True)
    for panel, one in zip(grid.panels, found, strict=True):
        shares = [one.shares.get(name, 0.0) for name in names]
        panel.barh(range(len(names)), shares, color=style.look(one.method).colour, height=0.7, alpha=0.85)
        for row, name in enumerate(names):
            if name not in one.shares:
                panel.text(0.01, row, "–", va="center")
            else:
                chance = one.by_chance[name]
                panel.plot([chance, chance], [row - 0.4, row + 0.4], color="white", linewidth=3)
                panel.plot([chance, chance], [row - 0.4, row + 0.4], color=style.BLACK, linewidth=1.3)
        panel.grid(visible=False, axis="y")
        panel.set_xlim(0, 1)
        panel.set_yticks(range(len(names)), [hyperparameter(name) for name in names])
    grid.label("share of the importance", "")
    bar = canvas.handle(style.Look(style.GREY, ""), linewidth=7)
    tick = canvas.handle(style.Look(style.BLACK, "|", ""), markersize=12, markeredgewidth=1.3)
    grid.legend([bar, tick], ["importance", "reached by chance (1 in 20)"])
    return grid.figure
