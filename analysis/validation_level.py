"""What a method without a search scores on the queries that trials are scored on: the line that trials have to pass."""

from __future__ import annotations

from statistics import fmean

from analysis.data import whole_data
from analysis.results import DatasetResults
from hasher.errors import UserError
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Job, Task
from study.work.data import StudyData
from study.work.runs import start_work

#: Fits that its score is the mean of.
FITS = 5


def validation_levels(results: DatasetResults, method: str) -> dict[int, float]:
    """By code length, the mean objective of `FITS` fits of a method as it is on the study's validation queries.

    No record has it, so it is fitted here, on the items and with the seeds that trials have. Lengths of which there is
    no such code are left out; nothing is known where the data are not found.
    """
    return results.study.once(("validation levels", results.dataset, method), lambda: _levels(results, method))


def _levels(results: DatasetResults, method: str) -> dict[int, float]:
    try:
        data = whole_data(results.study, results.dataset)
    except UserError:
        return {}
    found = {}
    for bits in results.bits:
        scores = [_score(results.study.spec, Task("search", Cell(results.dataset, method, bits), index), data)
                  for index in range(FITS)]  # fmt: skip
        known = [score for score in scores if score is not None]
        if len(known) == FITS:
            found[bits] = fmean(known)
    return found


def _score(spec: StudySpec, task: Task, data: StudyData) -> float | None:
    config = spec.configure(task.cell.method, task.cell.bits, {})
    job = Job(task, task.seed(spec.seed), config, spec.report_every, spec.objective, spec.k)
    return start_work(job, data).step().outcome.get(spec.objective)
