"""What several studies say of the methods that all of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.names import dataset_label, in_order, label
from analysis.results import DatasetResults, results_of
from analysis.statistics.paired import ALPHA
from analysis.statistics.ranks import critical_difference, friedman, ranks
from analysis.study_records import StudyRecords
from analysis.summary import scored
from analysis.wording import listed
from hasher.errors import UserError
from hasher.references import REFERENCES

#: Data sets below which ranks are shown and nothing is concluded from them.
FEWEST_DATASETS = 5


@dataclass(frozen=True, eq=False)
class Across:
    """Several data sets, each of one study, at the code lengths and with the methods that all of them have scores of.

    References have no codes and are left out. See `across`.
    """

    datasets: Sequence[DatasetResults]
    methods: Sequence[str]
    bits: Sequence[int]
    left_out: Sequence[str]  #: methods that some data set has no score of

    @property
    def labels(self) -> list[str]:
        """Data sets as text has them; where two studies have the same one, with the study's name."""
        names = [one.dataset for one in self.datasets]
        twice = {name for name, times in Counter(names).items() if times > 1}
        return [
            f"{dataset_label(one.dataset)} ({one.study.name})" if one.dataset in twice else dataset_label(one.dataset)
            for one in self.datasets
        ]

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Mean test scores over the code lengths: (data sets, methods)."""
        return np.array(
            [[np.mean([float(_mean(one, name, bits)) for bits in self.bits]) for name in self.methods]
             for one in self.datasets]
        )  # fmt: skip

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """(data sets, methods)."""
        return ranks(self.scores)

    @property
    def average_ranks(self) -> NDArray[np.float64]:
        """(methods,)."""
        return np.asarray(self.ranks.mean(axis=0))

    @property
    def first(self) -> str:
        """The method with the best average rank, the earlier of equals."""
        return self.methods[int(self.average_ranks.argmin())]

    @property
    def why_not_tested(self) -> str | None:
        """Why nothing is concluded from the ranks; None where something may be."""
        if len(self.datasets) < FEWEST_DATASETS:
            return f"ranks of {len(self.datasets)} data sets say too little for a test, which needs {FEWEST_DATASETS}"
        p = friedman(self.scores)
        return None if p < ALPHA else f"Friedman's test finds no difference between the methods (p {p:.3f})"

    @property
    def critical_difference(self) -> float | None:
        """Of average ranks; None where nothing is concluded from them."""
        return None if self.why_not_tested else critical_difference(len(self.methods), len(self.datasets))

    def runs(self, method: str) -> list[NDArray[np.float64]]:
        """The test scores of a method's replicates, on every data set and length."""
        cells = [(one.study, one.cell(method, bits)) for one in self.datasets for bits in self.bits]
        return [scored(study, cell)["score"].to_numpy(float) for study, cell in cells]


def across(studies: Sequence[StudyRecords]) -> Across:
    """All data sets of the studies together.

    Raises `UserError` for fewer than two data sets, studies that are about different scores, and where they have no
    code length, or fewer than two methods, in common.
    """
    results = [results_of(study, dataset) for study in studies for dataset in study.datasets]
    if len(results) < 2:
        raise UserError(f"{studies[0].folder.path}: one data set alone has no ranks over data sets, give more studies")
    metrics = {(one.study.spec.objective, one.study.spec.k if "at_k" in one.study.spec.objective else 0): one.study
               for one in results}  # fmt: skip
    if len(metrics) > 1:
        first, second = list(metrics.items())[:2]
        raise UserError(
            f"{second[1].folder.path}: is about {second[0][0]}, {first[1].folder.path} about {first[0][0]}; "
            "scores of one kind are ranked together"
        )
    bits = sorted(set.intersection(*(set(one.bits) for one in results)))
    if not bits:
        raise UserError(f"{listed([str(study.folder.path) for study in studies])}: have no code length in common")
    everything = in_order(name for one in results for name in one.compared if name not in REFERENCES)
    methods = [name for name in everything
               if all(np.isfinite(_mean(one, name, length)) for one in results for length in bits)]  # fmt: skip
    if len(methods) < 2:
        found = listed([label(name) for name in methods]) or "no method"
        raise UserError(f"{listed([str(study.folder.path) for study in studies])}: all have scores of {found} only")
    return Across(results, methods, bits, [name for name in everything if name not in methods])


def _mean(results: DatasetResults, method: str, bits: int) -> float:
    if method not in results.compared:
        return float("nan")
    return float(results.summary(results.cell(method, bits))["score_mean"])
