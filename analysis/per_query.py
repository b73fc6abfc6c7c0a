"""Scores by run and test query: what intervals and tests are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.study_records import StudyRecords
from analysis.summary import scored
from hasher.errors import UserError
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from study.plan.tasks import Cell


@dataclass(frozen=True, eq=False)
class PerQuery:
    """What one cell's test runs have of the study's objective.

    Attributes:
        values: (runs, queries).
        runs: (runs,) index of each run. Runs of one index have the same seed in every method.
        queries: (queries,) rows of the data set.
        fixed: whether there is nothing random in the method, so that its one run stands for every seed.
    """

    values: NDArray[np.float64]
    runs: NDArray[np.int64]
    queries: NDArray[np.int64]
    fixed: bool


def per_query(study: StudyRecords, cell: Cell) -> PerQuery | None:
    """The scores of a cell; None where it has none, or where the file of a scored run is missing.

    Raises `UserError` where two runs of the cell were not tested on the same queries.
    """
    runs = scored(study, cell)["index"].to_numpy(np.int64)
    found = [study.evaluation("test", cell, int(index)) for index in runs]
    arrays = [each for each in found if each is not None]
    if not arrays or len(arrays) < len(found):
        return None
    queries = arrays[0]["query_index"]
    if any(not np.array_equal(each["query_index"], queries) for each in arrays):
        raise UserError(f"{study.folder.path}: the runs of {cell} were not tested on the same queries")
    values = np.stack([each[study.metric.array] for each in arrays]).astype(np.float64)
    return PerQuery(values, runs, queries, is_fixed(cell.method))


def is_fixed(method: str) -> bool:
    """Whether nothing in a method or reference is random."""
    return method in REFERENCES or not find_method(method).has_randomness


def difference(first: PerQuery, second: PerQuery) -> NDArray[np.float64] | None:
    """`first` minus `second`, paired by seed and query: (runs, queries). None without a query or a run in common.

    A method with nothing random in it is the same whatever the seed, and is compared with every run of the other.
    """
    if not np.array_equal(first.queries, second.queries):
        return None
    if first.fixed or second.fixed:
        return (first.values[:1] if first.fixed else first.values) - (
            second.values[:1] if second.fixed else second.values
        )
    _, ours, theirs = np.intersect1d(first.runs, second.runs, return_indices=True)
    return first.values[ours] - second.values[theirs] if len(ours) else None
