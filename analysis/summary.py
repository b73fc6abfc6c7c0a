"""Records reduced to one row a cell: what its score is, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from analysis.study_records import StudyRecords
from hasher.retrieval.metrics import SCORES
from study.plan.finished import STATES, ends_in_words
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, final_tasks

#: Columns of scores that are averaged; `score` is the study's objective.
AVERAGED = ("score", *(score.name for score in SCORES))


@dataclass(frozen=True)
class Counts:
    """How the runs of one kind in a cell ended. `not_run`: planned and without a record."""

    planned: int
    complete: int
    pruned: int
    timeout: int
    diverged: int
    failed: int

    @property
    def not_run(self) -> int:
        return max(0, self.planned - self.ended)

    @property
    def ended(self) -> int:
        return self.complete + self.pruned + self.timeout + self.diverged + self.failed


def count_headings(spec: StudySpec) -> dict[str, str]:
    """The fields of `Counts` that a table of this study shows; those of a time limit only where it has one."""
    headings = {
        "planned": "Planned", "complete": "Complete", "pruned": "Pruned", "timeout": "Over time",
        "diverged": "Diverged", "failed": "Failed", "not_run": "Not run",
    }  # fmt: skip
    if spec.trial_time_limit is None:
        del headings["timeout"]
    return headings


def count(runs: pd.DataFrame, planned: int) -> Counts:
    """The states of some of the records."""
    found = runs["state"].value_counts()
    return Counts(planned, **{state: int(found.get(state, 0)) for state in STATES})


def search_counts(study: StudyRecords, cell: Cell) -> Counts:
    """The search trials of a cell."""
    return count(study.runs("search", cell), study.spec.trials_of(cell.method))


def tested_counts(study: StudyRecords, cell: Cell) -> Counts:
    """The runs scored on the test queries."""
    return count(tested_runs(study, cell), len(final_tasks(study.spec, cell)))


def tested_runs(study: StudyRecords, cell: Cell) -> pd.DataFrame:
    """Records of the runs of a cell on the test queries."""
    return study.runs("test", cell)


def former_tests(study: StudyRecords, cell: Cell) -> int:
    """Test runs of winners that the cell had before the study was extended."""
    gone = study.superseded
    if gone.empty:
        return 0
    return int(
        ((gone["dataset"] == cell.dataset) & (gone["method"] == cell.method) & (gone["bits"] == cell.bits)).sum()
    )


def completed(study: StudyRecords, cell: Cell) -> pd.DataFrame:
    """The test runs of a cell that ran to their end, by index."""
    runs = tested_runs(study, cell)
    return runs[runs["state"] == "complete"]


def scored(study: StudyRecords, cell: Cell) -> pd.DataFrame:
    """Those of them that have a score. A reference has none where the study is about the radius, which it has not."""
    runs = completed(study, cell)
    return runs[runs["score"].notna()]


def summarise(study: StudyRecords, datasets: Sequence[str] | None = None) -> pd.DataFrame:
    """One row for every cell of the spec and every reference, also where nothing was run.

    `datasets` are all of the study's unless given.

    Columns:
        dataset, method, bits: the cell.
        searched: whether there is anything to search for in it.
        replicates: test runs with a score.
        <metric>_mean and <metric>_sd: over the complete test runs that have it, for each of `AVERAGED` (sample standard
            deviation; NaN from fewer than two).
        replicates_planned, replicates_diverged, replicates_failed: what became of the test runs.
        planned, complete, pruned, timeout, diverged, failed, not_run: search trials; 0 where nothing is searched.
        validation_score: of the search's winner; NaN without one.
        device_seconds: of all recorded runs of the cell; search_device_seconds: of its search.
        missing: why there is no score, in a few words; empty where there is one.
    """
    wanted = study.datasets if datasets is None else datasets
    rows = [_row(study, cell) for dataset in wanted for cell in study.cells(dataset)]
    return pd.DataFrame(rows)


def _row(study: StudyRecords, cell: Cell) -> dict[str, Any]:
    tested, complete, replicates = tested_counts(study, cell), completed(study, cell), len(scored(study, cell))
    searched, winner = search_counts(study, cell), study.winner(cell)
    search_seconds = float(study.runs("search", cell)["device_seconds"].sum())
    scores = {f"{metric}_mean": float(complete[metric].mean()) for metric in AVERAGED}
    spreads = {f"{metric}_sd": float(complete[metric].std(ddof=1)) for metric in AVERAGED}
    return {
        "dataset": cell.dataset, "method": cell.method, "bits": cell.bits,
        "searched": study.spec.is_searched(cell.method),
        "replicates": replicates, **scores, **spreads,
        "replicates_planned": tested.planned, "replicates_diverged": tested.diverged,
        "replicates_failed": tested.failed,
        **asdict(searched), "not_run": searched.not_run,
        "validation_score": float("nan") if winner is None else float(winner["score"]),
        "search_device_seconds": search_seconds,
        "device_seconds": search_seconds + float(tested_runs(study, cell)["device_seconds"].sum()),
        "missing": "" if replicates else _reason(study, cell, searched, tested),
    }  # fmt: skip


def _reason(study: StudyRecords, cell: Cell, searched: Counts, tested: Counts) -> str:
    if tested.complete:
        notes = tested_runs(study, cell).get("note", pd.Series(dtype=object)).dropna()
        return str(notes.iloc[0]) if len(notes) else f"it has no {study.metric.title(study.spec.k)}"
    if tested.ended:
        return f"no test run complete ({in_words(tested)})"
    if not searched.ended:
        return "not run"
    if searched.complete:
        notes = study.runs("search", cell).get("note", pd.Series(dtype=object)).dropna()
        return str(notes.iloc[0]) if study.winner(cell) is None and len(notes) else "searched, not yet tested"
    if searched.not_run:
        return f"search not finished, no trial complete yet ({in_words(searched)})"
    return f"no trial complete ({in_words(searched)})"


def in_words(counts: Counts) -> str:
    """What is not complete: ``2 pruned, 10 diverged``."""
    not_run = [f"{counts.not_run} not run"] if counts.not_run else []
    return ", ".join([*ends_in_words(asdict(counts)), *not_run])
