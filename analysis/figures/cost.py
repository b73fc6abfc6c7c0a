"""What a method costs against what it gains."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis import style
from analysis.figures import canvas
from analysis.figures.emphasis import emphasis_of, pale_line
from analysis.figures.study_figure import StudyFigure, nothing_to_draw
from analysis.names import label
from analysis.results import DatasetResults

#: The dearest cell takes this many times as long as the cheapest before the axis is logarithmic.
MOST_TIMES = 30


def figures(results: DatasetResults) -> list[StudyFigure]:
    """The one figure of this family."""
    return [cost_and_gain(results)]


def cost_and_gain(results: DatasetResults) -> StudyFigure:
    """The test score against the device-seconds that training one hasher takes, a point a cell."""
    key, title = "cost-and-gain", "What a method costs against what it gains"
    cells = _means(results)
    if cells.empty:
        return nothing_to_draw(key, title, "no replicate has a score and a time")
    remark = emphasis_of(results).remark(_methods(results, cells))
    return StudyFigure(key, title, _sentence(cells, results.metric), lambda: _draw(results, cells), remark)


def _means(results: DatasetResults) -> pd.DataFrame:
    """A row a cell, over its replicates that have both a score and a time."""
    records = results.records
    tested = (records["kind"] == "test") & records["method"].isin(results.methods)
    scored = tested & (records["state"] == "complete") & records["score"].notna()
    replicates = records[scored & records["device_seconds"].notna()]
    return replicates.groupby(["method", "bits"])[["device_seconds", "score"]].mean().reset_index()


def _sentence(cells: pd.DataFrame, metric: str) -> str:
    means = cells.groupby("method")[["device_seconds", "score"]].mean()
    if len(means) == 1:
        return f"Up and to the left is better. {label(str(means.index[0]))} alone has both."
    seconds, scores = means["device_seconds"], means["score"]
    return (
        f"Up and to the left is better; points of a method are its code lengths. Over them a training takes from "
        f"{seconds.min():.2f} device-seconds ({label(str(seconds.idxmin()))}) to {seconds.max():.2f} "
        f"({label(str(seconds.idxmax()))}), and mean {metric} goes from {scores.min():.3f} to {scores.max():.3f}; the "
        f"table of what a method costs and gains has the differences with their intervals."
    )


def _methods(results: DatasetResults, cells: pd.DataFrame) -> list[str]:
    return [one for one in results.methods if (cells["method"] == one).any()]


def _draw(results: DatasetResults, cells: pd.DataFrame) -> Figure:
    emphasis = emphasis_of(results)
    coloured, others = emphasis.split(_methods(results, cells))
    figure, panel = canvas.single(3.8)
    for one in others:
        row = cells[cells["method"] == one]
        panel.plot(row["device_seconds"], row["score"], **{**pale_line(one), "marker": ".", "linestyle": ""})
    for one in coloured:
        row = cells[cells["method"] == one]
        look = style.look(one)
        panel.plot(row["device_seconds"], row["score"], **look.line_style(linestyle="", markersize=6))
        for point in row.itertuples():
            at = (point.device_seconds, point.score)
            panel.annotate(
                str(point.bits), at, xytext=(4, 4), textcoords="offset points", fontsize=7, color=look.colour
            )
    seconds = cells["device_seconds"]
    if seconds.min() > 0 and seconds.max() > MOST_TIMES * seconds.min():
        canvas.log_axis(panel)
    panel.set_xlabel("device-seconds to train and test one hasher (small numbers: bits)")
    panel.set_ylabel(f"test {results.metric}")
    canvas.legend_below(figure, *emphasis.legend(_methods(results, cells), linestyle=""))
    return figure
