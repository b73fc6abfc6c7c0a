"""What the paper compares HAGCN with: who can take part here, and the numbers it prints."""

from __future__ import annotations

from analysis.names import dataset_label, full_label
from analysis.paper_numbers import Competitor, competitors
from analysis.results import DatasetResults
from analysis.tables.table import MISSING, Column, Entry, Table, number, text


def competitors_table(results: DatasetResults) -> Table:
    """A row a competitor; below one that is in the study, its released score and its mAP as measured here."""
    found = competitors(results.dataset)
    lengths = sorted({bits for one in found for bits in one.printed})
    columns = [
        Column("competitor", "Method", "left"), Column("takes_part", "Takes part", "left"),
        Column("why", "Why", "left"), *(Column(str(bits), f"{bits} bits") for bits in lengths),
    ]  # fmt: skip
    rows: list[list[Entry]] = []
    starts: set[int] = set()
    for one in found:
        starts.add(len(rows))
        printed = [number(one.printed.get(bits)) for bits in lengths]
        rows.append([text(one.name), text("no" if one.here is None else "yes"), text(one.why), *printed])
        rows += _measured(results, one, lengths)
    notes = [
        "Methods take part that learn binary codes from fixed embeddings without labels. The numbers of a competitor "
        "are those that the paper prints, in its own metric: what was measured here stands beside them by the released "
        "code's mAP, which is computed as the paper's metric is, and by true mAP.",
    ]
    title = f"{dataset_label(results.dataset)}: the paper's competitors"
    return Table("competitors", title, columns, rows, notes, frozenset(starts))


def _measured(results: DatasetResults, one: Competitor, lengths: list[int]) -> list[list[Entry]]:
    """Scores of the method here that a competitor is; nothing where the study does not have it."""
    if one.here is None or one.here not in results.compared:
        return []
    name, rows = full_label(one.here), []
    for metric, called in (("map_released", "released code's mAP"), ("map", "mAP")):
        scores = [_score(results, one.here, bits, f"{metric}_mean") for bits in lengths]
        rows.append([Entry(f"{name}, here", one.here), Entry(""), Entry(called, metric), *scores])
    return rows


def _score(results: DatasetResults, method: str, bits: int, column: str) -> Entry:
    if bits not in results.bits:
        return Entry(MISSING)
    return number(float(results.summary(results.cell(method, bits))[column]))
