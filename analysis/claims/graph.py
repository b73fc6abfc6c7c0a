"""What a graph is worth: HAGCN's filters beside the same model without one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from analysis.claims.leading import Relation, relation
from analysis.names import full_label
from analysis.rivals import NO_GRAPH
from analysis.statistics.column import Column
from analysis.statistics.paired import IN_WORDS
from analysis.wording import listed
from hasher.filters import FILTERS

_SAID: dict[Relation, str] = {
    "above": "shown to be better", "below": "shown to be worse", "not shown to differ": "not shown to differ",
}  # fmt: skip


def worth_of_a_graph(methods: Iterable[str], columns: Mapping[int, Column]) -> str:
    """Where each filter stands beside the ablation; empty where none was compared with it.

    The p-values of `columns` are corrected for the comparisons of all of them (`analysis.statistics.column.together`).
    """
    found: dict[str, dict[str, list[str]]] = {said: {} for said in _SAID.values()}
    for name in (name for name in methods if name in FILTERS and name != NO_GRAPH):
        for bits, column in columns.items():
            where = relation(column.between(name, NO_GRAPH))
            if where in _SAID:
                found[_SAID[where]].setdefault(full_label(name), []).append(str(bits))
    tested = [(said, filters) for said, filters in found.items() if filters]
    if not tested:
        return ""
    if len(tested) == 1:
        entries = sum(map(len, tested[0][1].values()))
        says = f"{tested[0][0]} in {'the one entry' if entries == 1 else f'all {entries} entries'}"
    else:
        says = "; ".join(
            f"{said}: " + ", ".join(f"{name} at {listed(lengths)} bits" for name, lengths in filters.items())
            for said, filters in tested
        )
    return (
        "What a graph is worth, beside the same model and loss without one (the same tests, corrected for the pairs of "
        f"all columns, at the {IN_WORDS:.1%} level): {says}."
    )
