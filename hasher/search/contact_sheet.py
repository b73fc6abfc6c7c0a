"""Queries and what was found for them, as one picture: a row a query, right and wrong results framed."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.search.pictures import Picture, PictureOf
from hasher.search.results import Results

Verdict = Literal["query", "right", "wrong", "unknown"]

#: Frames, safe for the colour-blind (Okabe & Ito 2008) and told apart by their lines in grey.
FRAMES: dict[Verdict, dict[str, Any]] = {
    "query": {"edgecolor": "#000000", "linewidth": 1.2},
    "right": {"edgecolor": "#0072B2", "linewidth": 2.2},
    "wrong": {"edgecolor": "#D55E00", "linewidth": 2.2, "linestyle": (0, (3, 1.5))},
    "unknown": {"edgecolor": "#6b6b6b", "linewidth": 1.0},
}

#: Inches: a tile's picture, the gap beside it, its two lines of text, the margin, the title.
PICTURE, GAP, TEXT, MARGIN, TITLE = 0.86, 0.14, 0.38, 0.12, 0.5

#: An image within its frame; and what more than a gap there is between a query and its results.
INSIDE, QUERY_GAP = 0.8, 0.22

#: Characters that fit under a picture.
LONGEST = 16

#: Results shown of a query, and queries, where there are more.
MOST_RESULTS, MOST_QUERIES = 12, 40

DOTS_PER_INCH = 160


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture with two lines under it."""

    picture: Picture
    name: str
    note: str
    verdict: Verdict


def tiles(results: Results, queries: PictureOf, database: PictureOf, rows: int) -> list[list[Tile]]:
    """The query and its results for `rows` queries spread evenly over all, in their order."""
    count, k = results.found.items.shape
    chosen = np.unique(np.linspace(0, count - 1, min(rows, count, MOST_QUERIES)).round().astype(np.int64))
    table = results.table()
    labelled, correct = results.labelled, results.correct
    sheet = []
    for query in chosen:
        first = table.iloc[query * k]
        note = f"query {first['query']}"
        row = [Tile(queries(int(query)), _name(first, "query"), note, "query")]
        for rank in range(min(k, MOST_RESULTS)):
            found = table.iloc[query * k + rank]
            verdict: Verdict = "unknown"
            if labelled[query, rank]:
                verdict = "right" if correct[query, rank] else "wrong"
            picture = database(int(results.found.items[query, rank]))
            row.append(Tile(picture, _name(found, "item"), f"d = {found['distance']}", verdict))
        sheet.append(row)
    return sheet


def _name(row: Any, side: str) -> str:
    """What to call an item: its class, else its file, else its number."""
    label, path = row.get(f"{side}_label", ""), row.get(f"{side}_path", "")
    return str(label or (path and Path(path).stem) or f"item {row[side]}")


def draw(sheet: Sequence[Sequence[Tile]], title: str) -> Figure:
    """The contact sheet. Lengths are in inches, from the upper left corner."""
    columns = max(len(row) for row in sheet)
    width = 2 * MARGIN + columns * (PICTURE + GAP) - GAP + QUERY_GAP
    height = 2 * MARGIN + TITLE + len(sheet) * (PICTURE + TEXT)
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    axes.text(MARGIN, MARGIN, title, fontsize=9.5, fontweight="bold", va="top", parse_math=False)
    axes.text(MARGIN, MARGIN + 0.2, _legend(sheet), fontsize=7.5, va="top", color="#333333")
    for line, row in enumerate(sheet):
        top = MARGIN + TITLE + line * (PICTURE + TEXT)
        for place, tile in enumerate(row):
            _place(axes, tile, MARGIN + place * (PICTURE + GAP) + (QUERY_GAP if place else 0), top)
    return figure


def _legend(sheet: Sequence[Sequence[Tile]]) -> str:
    text = "Left: the query. d: bits in which the codes differ."
    if any(tile.verdict in ("right", "wrong") for row in sheet for tile in row):
        text += " Blue: a class of the query. Orange, dashed, ✗: another class."
        if any(tile.verdict == "unknown" for row in sheet for tile in row):
            text += " Grey: not known."
    return text


def _place(axes: Axes, tile: Tile, left: float, top: float) -> None:
    centre, middle = left + PICTURE / 2, top + PICTURE / 2
    pixels = tile.picture.pixels
    if pixels is None:
        _place_nothing(axes, tile.picture.problem, left, top)
    else:
        tall, wide = (INSIDE * side / max(pixels.shape[:2]) for side in pixels.shape[:2])
        extent = (centre - wide / 2, centre + wide / 2, middle + tall / 2, middle - tall / 2)
        smoothing = "nearest" if max(pixels.shape[:2]) <= 64 else "antialiased"
        axes.imshow(pixels, extent=extent, aspect="auto", interpolation=smoothing, zorder=1)
    axes.add_patch(Rectangle((left, top), PICTURE, PICTURE, fill=False, zorder=3, **FRAMES[tile.verdict]))
    name = f"✗ {tile.name}" if tile.verdict == "wrong" else tile.name
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    for text, below, colour in ((name, 0.04, "#000000"), (tile.note, 0.16, "#555555")):
        axes.text(
            centre, top + PICTURE + below, text, fontsize=6.5, ha="center", va="top", color=colour, parse_math=False
        )


def _place_nothing(axes: Axes, problem: str, left: float, top: float) -> None:
    """A placeholder that says why there is no picture."""
    axes.add_patch(Rectangle((left, top), PICTURE, PICTURE, facecolor="#e4e4e4", linewidth=0, zorder=1))
    text = "\n".join(textwrap.wrap(problem, 17, max_lines=5, placeholder=" …"))
    middle = (left + PICTURE / 2, top + PICTURE / 2)
    axes.text(*middle, text, fontsize=5.5, ha="center", va="center", color="#444444", zorder=2, parse_math=False)


def check_path(path: Path) -> None:
    """Raise `UserError` unless pictures can be written in the format that the end of `path` names."""
    known = Figure().canvas.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in known:
        raise UserError(f"{path}: no picture format of this name, expected .png, .pdf, .svg or .jpg")


def save(figure: Figure, path: Path) -> None:
    """Write the picture; it appears whole or not at all."""
    check_path(path)
    content = io.BytesIO()
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box stands for a character the font lacks
        figure.savefig(content, format=path.suffix.lower().lstrip("."), dpi=DOTS_PER_INCH)
    write_atomically(path, content.getvalue())
