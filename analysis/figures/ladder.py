"""Where mAP is lost between the float vectors and the codes, as steps."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import Emphasis, emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.ladder import Ladder
from analysis.names import in_order, label
from analysis.results import DatasetResults
from analysis.wording import decimals
from hasher.references import REFERENCES

#: Ladders of the methods of one code length that have a test score.
Ladders = dict[str, Ladder]

_RUNGS = ("float\ncosine", "float\ndiffusion", "real-valued\noutputs", "signs\n(codes)")
_REFERENCES = tuple(REFERENCES)


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [loss_ladder(results)]


def loss_ladder(results: DatasetResults) -> StudyFigure:
    """The four rungs of `analysis.ladder`: a panel a code length, a line a method."""
    key, title = "ladder", "Where mAP is lost on the way to codes"
    found: dict[int, Ladders] = {}
    for bits in results.bits:
        ladders = {name: results.ladders[results.cell(name, bits)] for name in results.methods}
        known = {name: one for name, one in ladders.items() if math.isfinite(one.signs)}
        if known:
            found[bits] = known
    if not found:
        return nothing_to_draw(key, title, "no replicate has a test score")
    bits = results.reference_bits if results.reference_bits in found else next(iter(found))
    emphasis = emphasis_of(results)
    remark = emphasis.remark(found[bits])
    return StudyFigure(key, title, _sentence(found[bits], bits), lambda: _draw(found, emphasis), remark)


def _sentence(ladders: Ladders, bits: int) -> str:
    best = max(ladders, key=lambda name: ladders[name].signs)
    names = ("float cosine", "float diffusion over the graph of the database", "the encoder's outputs", "their signs")
    rungs = zip(names, ladders[best].rungs, (math.nan, *ladders[best].steps), strict=True)
    shown = [
        f"{name} {rung:.3f}" + (f" ({decimals(step, signed='+')})" if math.isfinite(step) else "")
        for name, rung, step in rungs
        if math.isfinite(rung)
    ]
    highest = ", which have the highest mean" if len(ladders) > 1 else ""
    return f"At {bits} bits, down to the codes of {label(best)}{highest}: {', '.join(shown)}."


def _draw(found: dict[int, Ladders], emphasis: Emphasis) -> Figure:
    grid = canvas.facets([f"{bits} bits" for bits in found], height=2.6, sharey=True)
    for panel, ladders in zip(grid.panels, found.values(), strict=True):
        _draw_references(panel, next(iter(ladders.values())))
        coloured, others = emphasis.split(ladders)
        for name in others:
            panel.plot([2, 3], ladders[name].rungs[2:], **pale_line(name))
        for number, name in enumerate(coloured):
            shift = 0.09 * (number - (len(coloured) - 1) / 2)  # side by side, not on top of each other
            rungs = ladders[name].rungs[2:]
            panel.plot([2 + shift, 3 + shift], rungs, **style.look(name).line_style(linewidth=1.2), zorder=3)
        panel.set_xticks(range(4), _RUNGS)
        panel.set_xlim(-0.45, 3.45)
        panel.grid(visible=False, axis="x")
    grid.label("", "test mAP")
    levels = [next(iter(ladders.values())).rungs for ladders in found.values()]
    references = [
        name for place, name in enumerate(_REFERENCES) if any(math.isfinite(rungs[place]) for rungs in levels)
    ]
    handles, labels = emphasis.legend(in_order(name for ladders in found.values() for name in ladders))
    levels_of = [canvas.handle(style.look(name)) for name in references]
    grid.legend([*levels_of, *handles], [*map(label, references), *labels])
    return grid.figure


def _draw_references(panel: Axes, of_all: Ladder) -> None:
    """What all methods of a code length have above them: a level each, on to the right of its rung."""
    for place, (name, level) in enumerate(zip(_REFERENCES, of_all.rungs, strict=False)):
        look = style.look(name)
        panel.plot([place, 3.45], [level, level], color=look.colour, linestyle=look.line, linewidth=1.1, zorder=2)
        panel.plot([place], [level], color=look.colour, marker=look.marker, markersize=7, zorder=3, label=look.label)
