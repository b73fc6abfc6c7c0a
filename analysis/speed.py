"""How fast the winners of a study encode, and how fast their codes are searched, on the machine that asks.

Not part of the records: replicates share a machine with others, so the seconds of one say nothing beside those of
another. Here all take turns in one process, and the ratios are what to look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from analysis.data import studied_data
from analysis.names import dataset_label
from analysis.results import results_of
from analysis.study_records import StudyRecords
from analysis.tables.formats import to_terminal
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import Column, Table, count, number
from hasher.encoding import encode_packed
from hasher.errors import UserError
from hasher.model_file import SavedHasher, load_hasher
from hasher.search.index import HammingIndex
from study.plan.tasks import Cell

#: Turns that every winner takes; the median of them counts.
ROUNDS = 5
#: Vectors of a turn: smaller data sets are encoded several times over, as few vectors are over too soon to be timed.
ITEMS = 20_000
#: Queries of a turn, and how many items each asks for.
QUERIES, NEAREST = 200, 100


@dataclass
class Timed:
    """A winner and the seconds of its turns, for each of `ITEMS` vectors or `QUERIES` queries."""

    cell: Cell
    hasher: SavedHasher
    bytes: int
    encoding: list[float] = field(default_factory=list)
    searching: list[float] = field(default_factory=list)


def speeds(study: StudyRecords) -> RenderableType:
    """A table for every data set.

    Raises `UserError` where the study has no models, or its data cannot be found or are others.
    """
    tables = [speed_table(study, dataset) for dataset in study.datasets]
    return Group(*(part for table in tables for part in (to_terminal(table), Text())))


def speed_table(study: StudyRecords, dataset: str) -> Table:
    """A row a winner; raises as `speeds` does."""
    winners = _winners(study, dataset)
    data = studied_data(study, dataset)
    database = data.dataset.features[data.split.database]
    vectors = np.tile(database, (-(-ITEMS // len(database)), 1))[:ITEMS]
    searches = {}
    for one in winners:
        encoder = one.hasher.model.encoder
        index = HammingIndex.of_packed(encode_packed(encoder, database), encoder.bits)
        searches[one.cell] = partial(index.search_packed, encode_packed(encoder, vectors[:QUERIES]), NEAREST)
    for _ in range(ROUNDS):
        for one in winners:
            one.encoding.append(_seconds(partial(encode_packed, one.hasher.model.encoder, vectors)))
            one.searching.append(_seconds(searches[one.cell]))
    return _table(study, dataset, winners, len(database))


def _winners(study: StudyRecords, dataset: str) -> list[Timed]:
    results = results_of(study, dataset)
    cells = [results.cell(method, bits) for method in study.spec.all_methods for bits in results.bits]
    found = [
        Timed(cell, load_hasher(path), path.stat().st_size)
        for cell in cells
        if (path := study.folder.model(cell)).exists()
    ]
    if not found:
        raise UserError(f"{study.folder.path}: no models of {dataset_label(dataset)}, so nothing to time")
    return found


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _table(study: StudyRecords, dataset: str, winners: list[Timed], database: int) -> Table:
    columns = [
        METHOD, BITS, Column("items_a_second", "Items encoded a second"),
        Column("times_quickest", "Times the quickest"),
        Column("search_milliseconds", f"Search of {database:,}, ms a query"), Column("kilobytes", "Model, kB"),
    ]  # fmt: skip
    encoding = {one.cell: float(np.median(one.encoding)) for one in winners}
    quickest = {bits: min(encoding[one.cell] for one in winners if one.cell.bits == bits)
                for bits in {one.cell.bits for one in winners}}  # fmt: skip
    rows = []
    for one in winners:
        seconds, searching = encoding[one.cell], float(np.median(one.searching))
        rows.append([
            method_entry(one.cell.method), bits_entry(one.cell), count(round(ITEMS / seconds)),
            number(seconds / quickest[one.cell.bits], 2), number(1000 * searching / QUERIES, 3),
            count(round(one.bytes / 1000)),
        ])  # fmt: skip
    notes = [
        f"Medians of {ROUNDS} turns of {ITEMS:,} vectors and of {QUERIES} queries for {NEAREST} items; all winners "
        "take turns in one process, so compare rows, not machines.",
        "Times the quickest: seconds of encoding over those of the quickest of the same length. Search goes through "
        "all codes and depends on their length alone: what rows of a length differ in there is chance.",
    ]
    title = f"{dataset_label(dataset)}: how fast the winners encode and are searched"
    return Table("speed", title, columns, rows, notes, method_starts([one.cell for one in winners]))
