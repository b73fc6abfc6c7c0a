"""The paper's numbers beside what was measured here, and beside what random codes score."""

from __future__ import annotations

from analysis.chance import Chance
from analysis.names import dataset_label
from analysis.paper_numbers import printed_map, printed_of
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, number
from study.plan.tasks import Cell


def against_paper_table(results: DatasetResults) -> Table:
    """Printed number, `map_released`, `map_at_k` and `map`, each of ours with its difference from the printed one; of
    data that the paper never saw, ours alone."""
    printed, k = printed_map(results.dataset), results.study.spec.k
    columns = [
        METHOD, BITS, Column("paper", "Paper"),
        Column("map_released", "Released code's mAP"), Column("map_released_minus_paper", "minus paper"),
        Column("map_at_k", f"mAP@{k}"), Column("map_at_k_minus_paper", "minus paper"),
        Column("map", "mAP"), Column("map_minus_paper", "minus paper"),
    ]  # fmt: skip
    chance = results.chance
    of_method = {name: printed_of(results.dataset, name) for name in results.compared}
    rows = [_row(results, cell, of_method[cell.method].get(cell.bits)) for cell in results.compared_cells]
    known = [chance.map_released, chance.map_at_k, chance.map] if isinstance(chance, Chance) else [None] * 3
    random_codes = [Entry("Random codes", "random_codes"), Entry("any"), Entry(MISSING)]
    for score in known:
        random_codes += [number(score), Entry(MISSING)]
    notes = [
        "Released code's mAP is what the paper's released code computes for our codes. It takes nearly every pair of "
        "items as relevant where labels are class numbers, and leaves out queries without a hit: compare it with the "
        "last row before anything else.",
        f"mAP@{k} and mAP are true mean average precision, of the first {k} and of the whole database.",
    ]
    if isinstance(chance, Chance):
        notes.append("Random codes: the expected score of codes that know nothing, whatever their length.")
    else:
        notes.append(f"Random codes have no score here, for it takes the data set's labels: {chance.reason}.")
    if not printed:
        notes.append(f"The paper has no table for {dataset_label(results.dataset)}.")
    elif missing := sorted({bits for _, bits in printed} - set(results.bits)):
        notes.append(f"The paper also has {', '.join(map(str, missing))} bits, which this study does not.")
    groups = method_starts(results.compared_cells) | {len(rows)}
    rows = [*rows, random_codes]
    if printed:
        title = f"{dataset_label(results.dataset)}: against the paper's printed numbers"
        return Table("against-paper", title, columns, rows, notes, groups)
    ours = [place for place, column in enumerate(columns) if "paper" not in column.name]
    title = f"{dataset_label(results.dataset)}: in the metric of the paper's released code"
    narrow = [[row[place] for place in ours] for row in rows]
    return Table("against-paper", title, [columns[place] for place in ours], narrow, notes, groups)


def _row(results: DatasetResults, cell: Cell, printed: float | None) -> list[Entry]:
    row = results.summary(cell)
    entries = [method_entry(cell.method), bits_entry(cell), number(printed)]
    for metric in ("map_released", "map_at_k", "map"):
        ours = float(row[f"{metric}_mean"])
        entries += [number(ours), number(None if printed is None else ours - printed, signed="+")]
    return entries
