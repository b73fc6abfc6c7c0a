"""One study under several seeds: what the whole search, and not only its replicates, leaves to luck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from analysis.alike import refuse_differences
from analysis.names import dataset_label, label
from analysis.results import DatasetResults, results_of
from analysis.statistics.repeated import spread
from analysis.study_records import StudyRecords
from analysis.summary import scored
from analysis.tables.formats import to_terminal
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import Column, Entry, Table, count, number
from analysis.wording import counted, listed
from hasher.errors import UserError

#: What repetitions may differ in.
_REPEATED = {"name": "", "seed": 0, "description": ""}


def repeated(studies: Sequence[StudyRecords]) -> RenderableType:
    """A table for every data set, and who is first in how many searches. Raises `UserError` for studies that differ in
    more than their seed, and where two have the same."""
    _check(studies)
    tables = [searches_table([results_of(study, dataset) for study in studies]) for dataset in studies[0].datasets]
    return Group(*(part for table in tables for part in (to_terminal(table), Text())))


def _check(studies: Sequence[StudyRecords]) -> None:
    if len(studies) < 2:
        raise UserError(
            f"{studies[0].folder.path}: one search alone, give two studies or more that differ in their seed"
        )
    refuse_differences(studies, _REPEATED, "its seed")
    twice = [seed for seed, times in Counter(study.spec.seed for study in studies).items() if times > 1]
    if twice:
        raise UserError(f"{listed([str(study.folder.path) for study in studies])}: two have the seed {twice[0]}")


def searches_table(found: Sequence[DatasetResults]) -> Table:
    """A row a cell of the methods that are searched: its mean over searches, and where it varies from."""
    first = found[0]
    firsts = {bits: _first_places(found, bits) for bits in first.bits}
    columns = [
        METHOD, BITS, Column("searches", "Searches"), Column("mean", f"{first.metric}, mean"),
        Column("search_sd", "sd of the search"), Column("replicate_sd", "sd of replicates"),
        Column("total_sd", "sd of both"), Column("first", "Highest in"),
    ]  # fmt: skip
    rows = []
    cells = first.searched_cells
    for cell in cells:
        scores = [scored(results.study, cell)["score"].to_numpy(float) for results in found]
        known = [one for one in scores if len(one)]
        names = [method_entry(cell.method), bits_entry(cell), count(len(known))]
        if not known:
            rows.append([*names, *(number(None) for _ in range(4)), Entry("0")])
            continue
        one = spread(known)
        values = (one.mean, one.search_sd, one.replicate_sd, one.total_sd)
        times = firsts[cell.bits][cell.method]
        rows.append([*names, *(number(value, 4 if place else 3) for place, value in enumerate(values)), count(times)])
    notes = [
        f"{counted(len(found), 'repetition')} of the same search under seeds "
        f"{listed([str(results.study.spec.seed) for results in found])}, on the same split: test queries are the same.",
        "sd of the search: of what searches find, the replicates' part taken off; sd of replicates: of fresh seeds for "
        "one winner, which is all that the ± of a single study has. Highest in: searches in which the cell has the "
        "highest mean of its length.",
    ]
    leaders = [
        f"{bits} bits: {', '.join(f'{label(name)} {times}' for name, times in places.most_common() if times)}"
        for bits, places in firsts.items()
    ]
    notes.append(f"Highest mean, in how many of the searches: {'; '.join(leaders)}.")
    title = f"{dataset_label(first.dataset)}: the search repeated"
    return Table("searches", title, columns, rows, notes, method_starts(cells))


def _first_places(found: Sequence[DatasetResults], bits: int) -> Counter[str]:
    """In how many searches each searched method has the highest mean of a length."""
    places: Counter[str] = Counter()
    for results in found:
        means = {name: float(results.summary(results.cell(name, bits))["score_mean"]) for name in results.searched}
        known = {name: mean for name, mean in means.items() if mean == mean}
        if known:
            places[max(known, key=lambda name: known[name])] += 1
    return places
