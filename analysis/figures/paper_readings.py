"""What was read off the paper's three plots. Their metric is the released code's, not ours: scales are never shared."""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from analysis import style
from analysis.paper_numbers import printed_map

_FILE = Path(__file__).resolve().parents[1] / "paper" / "figure_readings.csv"

ORDER, THRESHOLD, CUTOFF = "filter_order_K", "similarity_threshold_tau", "retrieval_cutoff_k"
SCALE = "the paper (its metric,\nright-hand scale)"


@functools.cache
def readings(figure: str) -> dict[str, pd.DataFrame]:
    """Columns ``x`` and ``map`` of each filter in one of the paper's plots, by x; read off, so good to about 0.002."""
    table = pd.read_csv(_FILE)
    table = table[table["figure"] == figure].sort_values("x")
    return {str(name): rows for name, rows in table.groupby("filter")}


def readings_of(dataset: str, figure: str) -> dict[str, pd.DataFrame]:
    """The same beside results on `dataset`; empty for data that the paper has no numbers of."""
    return readings(figure) if printed_map(dataset) else {}


def paper_scale(panel: Axes, figure: str, shown: bool) -> None:
    """Give a second y axis the range of all readings of a plot; its numbers only where `shown`."""
    values = pd.concat(readings(figure).values())["map"]
    margin = 0.15 * (values.max() - values.min())
    panel.set_ylim(values.min() - margin, values.max() + margin)
    panel.grid(visible=False)
    panel.spines["right"].set_visible(True)
    panel.spines["right"].set_linestyle(style.PAPER_LINE)
    panel.tick_params(axis="y", colors=style.GREY, labelright=shown)
