"""A search that learns from its trials beside one that draws them at random: what each has found after k trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.text import Text

from analysis.alike import refuse_differences
from analysis.names import dataset_label, label
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords
from analysis.tables.formats import to_terminal
from analysis.tables.scores import BITS, METHOD, bits_entry, method_entry, method_starts
from analysis.tables.table import MISSING, Column, Entry, Table, count, number
from analysis.tables.tuning import STEPS
from analysis.tuning import RIVAL, best_so_far, tuning_curve, why_no_curve
from analysis.validation_level import validation_levels
from hasher.errors import UserError
from study.plan.spec import PrunerSpec, SamplerSpec
from study.plan.tasks import Cell

#: What the arms of a comparison may differ in.
_ARM = {
    "name": "", "seed": 0, "description": "", "sampler": SamplerSpec(), "pruner": PrunerSpec(),
    "first_trials": [], "trials": None, "replicates": 1, "parallel_trials": 1, "report_every": 1,
    "checkpoint_every": 0, "methods": [], "bits": [], "baselines": [],
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """What searches of one kind have found in a cell after k = 1 … N trials: the mean over them."""

    name: str  #: of the sampler
    searches: int  #: that the mean is over; of the random arm the trials, of whose subsets it is the mean
    best: NDArray[np.float64]

    def trials_to_pass(self, level: float) -> int | None:
        """The fewest trials after which the mean is above a score; None where it never is."""
        passed = np.flatnonzero(self.best > level)
        return int(passed[0]) + 1 if len(passed) else None


def check_arms(studies: Sequence[StudyRecords]) -> None:
    """Raise `UserError` where the first is no sample of random trials, or another differs in more than its search."""
    first = studies[0]
    why = why_no_curve(first.spec)
    if why is not None:
        raise UserError(f"{first.folder.path}: {why}; the first study is the random arm")
    refuse_differences(studies, _ARM, "its search")


def arms_of(studies: Sequence[DatasetResults], cell: Cell) -> list[Arm]:
    """The random arm of the first study, and one of every other sampler, the mean of all studies that have it."""
    curve = tuning_curve(studies[0], cell)
    arms = [] if curve is None else [Arm("random", len(curve.expected), curve.expected)]
    by_sampler: dict[str, list[NDArray[np.float64]]] = {}
    for results in studies[1:]:
        best = best_so_far(results, cell)
        if len(best):
            by_sampler.setdefault(results.study.spec.sampler.name, []).append(best)
    for sampler, found in by_sampler.items():
        shortest = min(map(len, found))
        arms.append(Arm(sampler, len(found), np.mean([one[:shortest] for one in found], axis=0)))
    return arms


def beside_random(studies: Sequence[StudyRecords]) -> RenderableType:
    """A table for every data set; raises as `check_arms` does."""
    check_arms(studies)
    tables = [arms_table([results_of(study, dataset) for study in studies]) for dataset in studies[0].datasets]
    return Group(*(part for table in tables for part in (to_terminal(table), Text())))


def arms_table(studies: Sequence[DatasetResults]) -> Table:
    """A row an arm of every cell that more than one arm has searched."""
    first = studies[0]
    arms = {cell: found for cell in first.searched_cells if len(found := arms_of(studies, cell)) > 1}
    most = max((len(arm.best) for found in arms.values() for arm in found), default=0)
    steps = [step for step in STEPS if step <= most]
    columns = [
        METHOD, BITS, Column("sampler", "Sampler", "left"), Column("searches", "From"),
        *(Column(f"best_of_{step}", f"Best of {step}") for step in steps), Column("best", f"Best of {most}"),
        Column("to_rival", f"Trials to pass {label(RIVAL)}"),
    ]  # fmt: skip
    levels: Mapping[int, float] = validation_levels(first, RIVAL) if arms else {}
    rows, cells = [], []
    for cell, found in arms.items():
        for arm in found:
            cells.append(cell)
            rows.append(_row(cell, arm, [*steps, most], levels.get(cell.bits, math.nan)))
    notes = [
        f"{first.metric} on validation queries. random: the mean over all subsets of k of as many independent trials; "
        "others: the mean over that many searches of the best so far after k trials.",
        f"{label(RIVAL)} on the same queries: "
        + ", ".join(f"{levels[bits]:.3f} at {bits} bits" if bits in levels else f"{MISSING} at {bits} bits"
                    for bits in dict.fromkeys(cell.bits for cell in arms)) + ".",
    ]  # fmt: skip
    title = f"{dataset_label(first.dataset)}: what a search has found after k trials, beside random ones"
    return Table("tuning-arms", title, columns, rows, notes, method_starts(cells))


def _row(cell: Cell, arm: Arm, steps: Sequence[int], level: float) -> list[Entry]:
    best = [number(float(arm.best[step - 1])) if step <= len(arm.best) else Entry(MISSING) for step in steps]
    trials = arm.trials_to_pass(level)
    passed = Entry(MISSING) if math.isnan(level) else count(trials) if trials else Entry(f"> {len(arm.best)}")
    number_of = Entry(f"{arm.searches} {'trials' if arm.name == 'random' else 'searches'}", str(arm.searches))
    return [method_entry(cell.method), bits_entry(cell), Entry(arm.name), number_of, *best, passed]
