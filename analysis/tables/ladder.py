"""Where mAP is lost between the float vectors and the codes, cell by cell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.ladder import Ladder
from analysis.names import dataset_label, full_label
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Table, number
from analysis.wording import decimals
from hasher.retrieval.metrics import METRICS
from study.plan.tasks import Cell

_RUNGS = (
    Column("float_cosine", "Float cosine"), Column("float_diffusion", "Float diffusion"),
    Column("real_valued", "Real-valued outputs"), Column("signs", "Signs"),
)  # fmt: skip
_STEPS = (
    Column("graph", "Diffusion minus cosine"), Column("encoder", "Outputs minus diffusion"),
    Column("binarisation", "Signs minus outputs"),
)  # fmt: skip


def ladder_table(results: DatasetResults) -> Table:
    """Test `map` of every studied cell on the four rungs of `analysis.ladder`, and the three steps between them."""
    rows = [
        [method_entry(cell.method), bits_entry(cell), *(number(rung) for rung in found.rungs),
         *(number(step, signed="+") for step in found.steps)]
        for cell, found in results.ladders.items()
    ]  # fmt: skip
    in_main_table = "; this is the score of the main table" if results.study.metric is METRICS["map"] else ""
    notes = [
        "mAP of the same test queries, with the database ranked in four ways. Float cosine: by the cosine of the "
        "vectors. Float diffusion: by the heat that spreads from the query over the nearest-neighbour graph of all "
        "training items, still without hashing. Real-valued outputs: by the cosine of what the encoder puts out. "
        f"Signs: by the Hamming distance of the signs of that, which are the codes{in_main_table}. The last two are "
        "means over replicates.",
        "The steps: what a graph of the database adds to the vectors; how far the encoder, which sees one item at a "
        "time, falls short of that or goes beyond it; and what keeping only the signs costs or gains. It may gain: "
        "codes are trained behind a tanh, so the sizes that a cosine counts need mean nothing. The three add up to "
        "signs minus float cosine.",
        *_what_it_shows(results.ladders),
    ]
    starts = method_starts(results.method_cells)
    title = f"{dataset_label(results.dataset)}: where mAP is lost on the way to codes"
    return Table("ladder", title, [METHOD, BITS, *_RUNGS, *_STEPS], rows, notes, starts)


def _what_it_shows(ladders: Mapping[Cell, Ladder]) -> list[str]:
    notes = []
    steps = [found.steps for found in ladders.values() if all(map(math.isfinite, found.rungs))]
    if steps:
        notes.append(_average(np.array(steps)))
    both = {cell: found for cell, found in ladders.items() if math.isfinite(found.float_cosine + found.real_valued)}
    if both:
        notes.append(
            _above_cosine([cell for cell, found in both.items() if found.real_valued > found.float_cosine], both)
        )
    if not all(math.isfinite(rung) for found in ladders.values() for rung in found.rungs):
        notes.append(f"{MISSING}: no such score; the table of what each cell rests on says why.")
    return notes


def _average(steps: np.ndarray) -> str:
    """Means over the cells that have all four scores, and the range they come from."""
    means, lows, highs = steps.mean(axis=0), steps.min(axis=0), steps.max(axis=0)
    where = "In the one cell" if len(steps) == 1 else f"On average over the {len(steps)} cells"
    parts = []
    for name, *values in zip(("graph", "encoder", "signs"), means, lows, highs, strict=True):
        mean, low, high = (decimals(float(value), signed="+") for value in values)
        parts.append(f"{name} {mean}" + (f" ({low} to {high})" if low != high else ""))
    return f"{where} with all four scores: {', '.join(parts)}."


def _above_cosine(above: Sequence[Cell], known: Mapping[Cell, Ladder]) -> str:
    start = "The real-valued outputs have a higher mean than float cosine in"
    if len(above) == len(known):
        return f"{start} {'the one cell' if len(known) == 1 else f'all {len(known)} cells'} with both."
    if not above:
        return f"{start} none of the cells with both ({len(known)})."
    bits: dict[str, list[str]] = defaultdict(list)
    for cell in above:
        bits[full_label(cell.method)].append(str(cell.bits))
    where = "; ".join(f"{name} at {', '.join(lengths)} bits" for name, lengths in bits.items())
    return f"{start} {len(above)} of the {len(known)} cells with both: {where}."
