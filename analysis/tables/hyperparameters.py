"""The hyperparameters that the search chose for each cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.edges import Crowded, Edge, crowded, edges
from analysis.names import by_family, dataset_label
from analysis.results import DatasetResults
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Mark, Table, count, number
from hasher.methods.registry import find_method
from study.plan.tasks import Cell


def hyperparameter_tables(results: DatasetResults) -> list[Table]:
    """A table a family, since families have few hyperparameters in common."""
    families = by_family(results.searched)
    if len(families) < 2:
        return [hyperparameter_table(results, results.searched)]
    return [hyperparameter_table(results, names, family) for family, names in families.items()]


def hyperparameter_table(results: DatasetResults, methods: Sequence[str], family: str = "") -> Table:
    """Every sampled hyperparameter of the winners of some methods; those on an edge of their range are marked and
    listed. `family` is what these methods are, where there are others."""
    spec, cells = results.study.spec, results.cells_of(methods)
    sampled = [name for name in spec.space if any(name in spec.space_for(method) for method in methods)]
    columns = [
        METHOD, BITS, Column("on_the_edge", "On the edge of its range", "left"),
        *(Column(name, name) for name in sampled), Column("chosen_epoch", "Epochs"),
        Column("trial", "Trial"), Column("validation_score", f"Validation {results.metric}"),
    ]  # fmt: skip
    winners = {cell: winner for cell in cells if (winner := _winner(results, cell)) is not None}
    sides = crowded(spec, [(cell.method, winner) for cell, winner in winners.items()])
    rows = [_row(results, cell, sampled, sides) for cell in cells]
    title = f"{dataset_label(results.dataset)}: hyperparameters of each cell's winner" + (family and f", {family}")
    name = "-".join(["hyperparameters", *re.findall(r"[a-z0-9]+", family.lower())])
    return Table(name, title, columns, rows, _notes(results, cells, sampled, sides), method_starts(cells))


def _row(results: DatasetResults, cell: Cell, sampled: list[str], sides: Sequence[Crowded]) -> list[Entry]:
    names = [method_entry(cell.method), bits_entry(cell)]
    winner = _winner(results, cell)
    if winner is None:
        return names + [Entry(MISSING)] * (len(sampled) + 4)
    at_edge = {edge.name: edge.end for edge in edges(results.study.spec, cell.method, winner)}
    space = results.study.spec.space_for(cell.method)
    at_edge |= {one.name: one.end for one in sides if one.name in space and winner.get(one.name) == one.value}
    applies = find_method(cell.method).Config.applies
    values = [
        _value(winner, name, name in at_edge) if name in space and applies(name, winner) else Entry(MISSING)
        for name in sampled
    ]
    listed = ", ".join(f"{name} ({end})" for name, end in at_edge.items())
    epochs = _value(winner, "chosen_epoch", False) if find_method(cell.method).is_trained else Entry(MISSING)
    course = [epochs, count(int(winner["index"])), number(float(winner["score"]))]
    return [*names, Entry(listed), *values, *course]


def _value(winner: Mapping[Any, Any], name: str, at_edge: bool) -> Entry:
    mark: Mark = "warning" if at_edge else ""
    value = winner.get(name)
    if value is None or pd.isna(value):
        return Entry(MISSING)
    return Entry(shown(value), str(value), mark)


def shown(value: Any) -> str:
    """A hyperparameter's value as text, to three digits."""
    if isinstance(value, str | bool):
        return str(value)
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.3g}"


def _notes(results: DatasetResults, cells: list[Cell], sampled: list[str], sides: Sequence[Crowded]) -> list[str]:
    spec, methods = results.study.spec, {cell.method for cell in cells}
    found = [edge for cell in cells for edge in _edges_of(results, cell)]
    notes = ["Chosen on validation queries alone. Trials are counted from 0, epochs from 1."]
    if found:
        notes.append(
            f"{len(found)} chosen values lie within 5% of an end of their range: something better may lie beyond "
            "it, so widen the range before reading much into the value."
        )
    notes += [f"{one.in_words()}: something better may lie beyond it." for one in sides]
    fixed = sorted({f"{name} = {shown(value)}" for f in methods for name, value in spec.fixed_for(f).items()})
    if fixed:
        notes.append(f"Fixed for all trials of a method: {', '.join(fixed)}.")
    if not sampled:
        notes.append("Nothing was sampled in this study.")
    return notes


def _edges_of(results: DatasetResults, cell: Cell) -> list[Edge]:
    winner = _winner(results, cell)
    return [] if winner is None else edges(results.study.spec, cell.method, winner)


def _winner(results: DatasetResults, cell: Cell) -> dict[Any, Any] | None:
    found = results.study.winner(cell)
    return None if found is None else found.to_dict()
