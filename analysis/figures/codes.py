"""Code quality: whether each bit splits the data in halves, and whether bits say different things."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import in_order, label
from analysis.results import DatasetResults
from analysis.wording import span


def figures(results: DatasetResults) -> list[StudyFigure]:
    """Both figures of a data set."""
    return [bit_balance(results), bit_correlation(results)]


def bit_balance(results: DatasetResults) -> StudyFigure:
    """How far each bit is from being 1 for half of the database, over all bits and seeds of a method."""
    key, title = "bit-balance", "Bit balance"
    found: dict[int, dict[str, np.ndarray]] = {}
    for bits in results.bits:
        for method in results.evaluated(bits):
            values = [
                one["bit_balance"] for one in results.evaluations[results.cell(method, bits)] if "bit_balance" in one
            ]
            if values:
                found.setdefault(bits, {})[method] = np.abs(np.concatenate(values))
    if not found:
        return nothing_to_draw(key, title, "nothing with codes was evaluated")
    return StudyFigure(key, title, _balance_sentence(results, found), lambda: _draw_balance(found))


def _balance_sentence(results: DatasetResults, found: dict[int, dict[str, np.ndarray]]) -> str:
    bits = results.reference_bits if results.reference_bits in found else next(iter(found))
    medians = {method: float(np.median(values)) for method, values in found[bits].items()}
    best, worst = min(medians, key=lambda m: medians[m]), max(medians, key=lambda m: medians[m])
    constant = sum(int((values > 0.99).sum()) for values in found[bits].values())
    sentence = (
        f"0 is a bit that splits the database in halves, 1 one that never changes. At {bits} bits the median bit is at "
        f"{medians[best]:.2f} ({label(best)})"
    )
    sentence += f" to {medians[worst]:.2f} ({label(worst)})" if worst != best else ""
    return sentence + ("; no bit is constant." if not constant else f"; {constant} bits are constant or nearly so.")


def _draw_balance(found: dict[int, dict[str, np.ndarray]]) -> Figure:
    methods = in_order(method for values in found.values() for method in values)
    grid = canvas.facets([f"{bits} bits" for bits in found], height=0.6 + 0.2 * len(methods), sharex=True, sharey=True)
    for panel, values in zip(grid.panels, found.values(), strict=True):
        for row, method in enumerate(methods):
            if method not in values:
                panel.text(0.02, row, "–", va="center")
                continue
            colour = style.look(method).colour
            drawn = panel.boxplot(
                values[method], positions=[row], orientation="horizontal", widths=0.6, patch_artist=True,
                boxprops={"facecolor": colour, "alpha": 0.75, "edgecolor": colour},
                medianprops={"color": "white", "linewidth": 2}, whiskerprops={"color": colour},
                capprops={"color": colour},
                flierprops={"marker": ".", "markersize": 3, "markerfacecolor": colour, "markeredgecolor": "none"},
            )  # fmt: skip
            drawn["medians"][0].set_label("median")
            for whisker in drawn["whiskers"]:
                whisker.set_label("quartile and whisker")
        panel.set_yticks(range(len(methods)), [label(method) for method in methods])
        panel.set_ylim(len(methods) - 0.5, -0.5)
        panel.set_xlim(left=-0.01)
        panel.grid(visible=False, axis="y")
    grid.label("|mean of the bit as ±1|", "")
    return grid.figure


def bit_correlation(results: DatasetResults) -> StudyFigure:
    """The correlation of every pair of bits, for each method's first seed at one code length."""
    bits = results.reference_bits
    key, title = "bit-correlation", f"Correlation of the bits at {bits} bits"
    found = {}
    for method in results.evaluated(bits):
        matrix = results.evaluations[results.cell(method, bits)][0].get("bit_correlation")
        if matrix is not None:
            found[method] = matrix
    if not found:
        return nothing_to_draw(key, title, f"nothing with {bits}-bit codes was evaluated")
    if bits < 2:
        return nothing_to_draw(key, title, "a single bit has no pair")
    emphasis = emphasis_of(results)
    mean = {method: _off_diagonal(matrix) for method, matrix in found.items()}
    shown = {method: found[method] for method in emphasis.panels(list(found))}
    least, most = min(mean, key=lambda m: mean[m]), max(mean, key=lambda m: mean[m])
    sentence = (
        f"White is a pair of bits that say different things. The mean |correlation|, above each panel, is "
        f"{span(mean[least], mean[most])}. These are the codes of the first seed of each: an example, not a comparison."
    )
    remark = emphasis.panels_remark(list(found))
    return StudyFigure(key, title, sentence, lambda: _draw_correlation(shown, mean), remark)


def _off_diagonal(matrix: np.ndarray) -> float:
    return float(np.abs(matrix[~np.eye(len(matrix), dtype=bool)]).mean())


def _draw_correlation(found: dict[str, np.ndarray], mean: dict[str, float]) -> Figure:
    titles = [f"{label(method)}: {mean[method]:.2f}" for method in found]
    grid = canvas.facets(titles, height=2.0, columns=3)
    for panel, (method, matrix) in zip(grid.panels, found.items(), strict=True):
        image = panel.imshow(matrix, cmap=style.DIVERGING, vmin=-1, vmax=1, interpolation="nearest")
        panel.title.set_color(style.look(method).colour)
        panel.grid(visible=False)
        panel.set_xticks([])
        panel.set_yticks([])
    places = [*grid.panels, *grid.empty]
    grid.figure.colorbar(image, ax=places, orientation="horizontal", shrink=0.6, aspect=40, label="correlation")
    return grid.figure
