"""How fast the winners of a study encode, and how fast their codes are searched."""

from __future__ import annotations

from analysis.kept_speed import Speeds
from analysis.names import dataset_label
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import Column, Table, count, number
from analysis.wording import counted


def speed_table(speeds: Speeds, dataset: str) -> Table:
    """A row a winner; none where none of this data set was timed."""
    winners = [one for one in speeds.winners if one.dataset == dataset]
    columns = [
        METHOD, BITS, Column("items_a_second", "Items encoded a second"),
        Column("times_quickest", "Times the quickest"),
        Column("search_milliseconds", f"Search of {speeds.database.get(dataset, 0):,}, ms a query"),
        Column("kilobytes", "Model, kB"),
    ]  # fmt: skip
    quickest = {bits: max(one.items_a_second for one in winners if one.bits == bits)
                for bits in {one.bits for one in winners}}  # fmt: skip
    rows = [
        [
            method_entry(one.method), bits_entry(one.cell), count(round(one.items_a_second)),
            number(quickest[one.bits] / one.items_a_second, 2), number(one.query_milliseconds, 3),
            count(round(one.bytes / 1000)),
        ]
        for one in winners
    ]  # fmt: skip
    commit, plus, changes = speeds.commit.partition("+")
    notes = [
        f"Measured on {speeds.when[:10]} on {speeds.host} ({speeds.processor}, {counted(speeds.threads, 'thread')}), "
        f"by commit {commit[:7]}{plus}{changes}: seconds of that machine alone, which say nothing beside those of "
        "another.",
        f"Medians of {speeds.rounds} turns of {speeds.items:,} vectors and of {speeds.queries} queries for "
        f"{speeds.nearest} items; all winners take turns in one process, so rows may be compared.",
        "Times the quickest: seconds of encoding over those of the quickest of the same length. Search goes through "
        "all codes and depends on their length alone: what rows of a length differ in there is chance.",
    ]
    title = f"{dataset_label(dataset)}: how fast the winners encode and are searched"
    return Table("speed", title, columns, rows, notes, method_starts([one.cell for one in winners]))
