"""Times the winners of a study on the machine that asks: encoding, and the search of their codes.

Replicates share a machine with others, so the seconds in the records tell nothing of this. Here all winners take turns
in one process.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch

from analysis.data import studied_data
from analysis.kept_speed import Speeds, WinnerSpeed
from analysis.names import dataset_label, in_order
from analysis.results import results_of
from analysis.study_records import StudyRecords
from hasher.encoding import encode_packed
from hasher.errors import UserError
from hasher.files import sha256
from hasher.model_file import SavedHasher, load_hasher
from hasher.search.index import HammingIndex
from study.plan.tasks import Cell
from study.work.provenance import git_commit, processor, versions

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
    path: Path
    hasher: SavedHasher
    encoding: list[float] = field(default_factory=list)
    searching: list[float] = field(default_factory=list)

    @property
    def medians(self) -> WinnerSpeed:
        """What is told of them."""
        return WinnerSpeed(
            dataset=self.cell.dataset, method=self.cell.method, bits=self.cell.bits, model=sha256(self.path),
            bytes=self.path.stat().st_size, items_a_second=ITEMS / float(np.median(self.encoding)),
            query_milliseconds=1000 * float(np.median(self.searching)) / QUERIES,
        )  # fmt: skip


def measure(study: StudyRecords) -> Speeds:
    """Time the winners of every data set.

    Raises `UserError` where a data set has no models, or its data cannot be found or are others.
    """
    timed = {dataset: _timed(study, dataset) for dataset in study.datasets}
    return Speeds(
        when=datetime.now(UTC).isoformat(timespec="seconds"), commit=git_commit(Path(__file__).resolve().parents[1]),
        host=socket.gethostname(), processor=processor(), threads=torch.get_num_threads(), versions=versions(),
        rounds=ROUNDS, items=ITEMS, queries=QUERIES, nearest=NEAREST,
        database={dataset: items for dataset, (items, _) in timed.items()},
        winners=[one.medians for _, winners in timed.values() for one in winners],
    )  # fmt: skip


def _timed(study: StudyRecords, dataset: str) -> tuple[int, list[Timed]]:
    """The items searched, and the winners."""
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
    return len(database), winners


def _winners(study: StudyRecords, dataset: str) -> list[Timed]:
    results = results_of(study, dataset)
    cells = [results.cell(method, bits) for method in in_order(study.spec.all_methods) for bits in results.bits]
    found = [
        Timed(cell, path, load_hasher(path)) for cell in cells if (path := study.folder.model(cell)).exists()
    ]  # fmt: skip
    if not found:
        raise UserError(f"{study.folder.path}: no models of {dataset_label(dataset)}, so nothing to time")
    return found


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
