"""The files that a run leaves beside its record, and whether they still are what it left."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from pathlib import Path

from hasher.errors import UserError
from hasher.files import sha256
from hasher.model_file import load_hasher
from hasher.references import REFERENCES
from study.plan.finished import Finished, FinishedRuns, done
from study.plan.spec import StudySpec
from study.plan.tasks import Task
from study.record.evaluation_file import read_evaluation
from study.record.study_folder import StudyFolder

#: Names of the two in a record, which has their digests (SHA-256) under `FILES`.
EVALUATION, MODEL, FILES = "evaluation", "model", "files"


def path_of(folder: StudyFolder, task: Task, file: str) -> Path:
    """Where a run's `EVALUATION` or `MODEL` is."""
    return folder.evaluation(task) if file == EVALUATION else folder.model(task.cell)


def recorded_digests(folder: StudyFolder, spec: StudySpec, finished: FinishedRuns) -> dict[Path, str]:
    """The digest of each file of the runs that count, as their records have it; older records have none."""
    return {
        path_of(folder, task, file): digest
        for task in done(spec, finished, finished)
        for file, digest in (finished[task].files or {}).items()
    }


def lost_runs(folder: StudyFolder, spec: StudySpec, finished: FinishedRuns, of: Iterable[Task]) -> dict[Task, str]:
    """Those of the runs `of` that have ended and count, and a file of which is gone or damaged: each with a line."""
    found = {}
    for task in done(spec, finished, of):
        problem = _problem(folder, task, finished[task])
        if problem:
            found[task] = problem
    return found


def _problem(folder: StudyFolder, task: Task, ended: Finished) -> str | None:
    if ended.files is None:
        return _problem_without_digests(folder, task, ended)
    for file, digest in ended.files.items():
        path = path_of(folder, task, file)
        if not path.exists():
            return f"{path}: missing"
        if sha256(path) != digest:
            return f"{path}: not the {file} that the run left"
    return None


def _problem_without_digests(folder: StudyFolder, task: Task, ended: Finished) -> str | None:
    if task.kind != "test" or ended.state != "complete" or math.isnan(ended.score):
        return None
    try:
        if not folder.evaluation(task).exists():
            return f"{folder.evaluation(task)}: missing"
        read_evaluation(folder.evaluation(task))
        if task.index == 0 and task.cell.method not in REFERENCES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one of before there was a digest says so whenever it is used
                load_hasher(folder.model(task.cell))
    except UserError as error:
        return str(error)
    return None
