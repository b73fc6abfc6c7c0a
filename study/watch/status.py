"""Where a study stands while it runs or rests, told from its storage and its lock: nothing is started or written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.trial import FrozenTrial
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hasher.errors import UserError
from hasher.retrieval.metrics import METRICS
from study.options import RunOptions
from study.plan.finished import Finished, done, ends_in_words, winner
from study.plan.spec import StudySpec
from study.plan.tasks import Cell, Task, final_tasks, search_tasks, searched_cells
from study.record.sampling import open_storage
from study.record.stored import damaged, finished_of, stored_trials, task_of
from study.record.study_folder import StudyFolder
from study.watch.counts import count_runs, duration

#: Open runs that are named one by one.
SHOWN = 12


@dataclass(frozen=True)
class Status:
    """A study at one moment."""

    spec: StudySpec
    finished: dict[Task, Finished]
    open: dict[Task, int]  #: runs begun and without an end, each with the last epoch it has reported
    last_end: datetime | None  #: when the latest recorded run ended, by its worker's clock
    driver: bool  #: whether a run_study.py holds the study


def read_status(spec: StudySpec, folder: StudyFolder, storage: str | None) -> Status:
    """Look at a study, which may be running meanwhile. Raises `UserError` where there is none, or a different one."""
    if folder.read_spec() is None:
        raise UserError(f"{folder.path}: no study here yet, the same command without --status begins it")
    folder.check(spec, storage)
    finished: dict[Task, Finished] = {}
    unfinished: dict[Task, int] = {}
    ends: list[datetime] = []
    driver = folder.is_held()  # before the storage: a driver that ends in between leaves nothing open behind
    # A driver between its lock and its first record has no journal yet, and to open one would create it.
    trials = (
        stored_trials(spec, open_storage(storage or str(folder.journal))) if storage or folder.journal.exists() else []
    )
    for trial in trials:
        task, outcome = task_of(trial), trial.user_attrs.get("outcome")
        if task is None:
            continue
        if outcome is not None:
            finished[task] = finished_of(spec, trial.user_attrs["task"], outcome, trial.params)
            ends += _end(outcome)
        elif not trial.state.is_finished():
            unfinished[task] = _last_epoch(trial)
    ended = set(done(spec, finished, unfinished))
    open_runs = {task: epoch for task, epoch in unfinished.items() if task not in ended}
    return Status(spec, finished, open_runs, max(ends, default=None), driver)


def _last_epoch(trial: FrozenTrial) -> int:
    return max(trial.intermediate_values, default=0)


def _end(outcome: dict[str, Any]) -> list[datetime]:
    if "started" not in outcome:  # a run that lost its worker before its first step
        return []
    try:
        return [
            datetime.fromisoformat(outcome["started"]).astimezone(UTC) + timedelta(seconds=outcome.get("seconds") or 0)
        ]
    except (TypeError, ValueError, OverflowError):
        raise damaged("outcome", outcome) from None


def print_status(spec: StudySpec, options: RunOptions, console: Console) -> None:
    """One row a searched cell (scores are on validation queries), then the whole study and what runs now."""
    folder = StudyFolder(options.runs_dir / spec.name)
    status = read_status(spec, folder, options.storage)
    console.print(_table(status, f"Study {spec.name} in {folder.path}"))
    for line in _lines(status, datetime.now(UTC)):
        console.print(line, highlight=False, soft_wrap=True)


def _table(status: Status, title: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    metric = METRICS[status.spec.objective].title(status.spec.k)
    for heading in ("data set", "method", "bits", "trials", "ended early", "open", "tested", f"best {metric}"):
        table.add_column(heading, justify="left" if heading in ("data set", "method", "ended early") else "right")
    for cell in searched_cells(status.spec):
        table.add_row(cell.dataset, cell.method, str(cell.bits), *_row(status, cell))
    return table


def _row(status: Status, cell: Cell) -> list[str]:
    search, replicates = search_tasks(status.spec, cell), final_tasks(status.spec, cell)
    ended = Counter(status.finished[task].state for task in search if task in status.finished)
    tested = len(done(status.spec, status.finished, replicates))
    begun = sum(task in status.open for task in (*search, *replicates)) if status.driver else 0
    best = winner(status.spec, status.finished, cell)
    return [
        f"{ended.total()}/{len(search)}", ", ".join(ends_in_words(ended)), str(begun or ""),
        f"{tested}/{len(replicates)}", "–" if best is None else f"{best.score:.3f}",
    ]  # fmt: skip


def _lines(status: Status, now: datetime) -> list[str]:
    stands = count_runs(status.spec, status.finished)
    last = "nothing recorded yet"
    if status.last_end is not None:
        ago = max(0.0, (now - status.last_end).total_seconds())
        last = f"the last recorded run ended {duration(ago)} ago"
    lines = [f"{stands.in_words()}, {stands.left} left, those of methods without a search included"]
    if not status.driver:
        cut = f"; runs cut off, to be redone: {len(status.open)}" if status.open else ""
        return [*lines, f"No driver is running it; {last}{cut}"]
    named = [_name(status.spec, task, epoch) for task, epoch in list(status.open.items())[:SHOWN]]
    more = f" and {len(status.open) - SHOWN} more" if len(status.open) > SHOWN else ""
    begun = f", under way or next: {', '.join(named)}{more}" if named else ""
    return [*lines, f"A driver is running it{begun}", last[0].upper() + last[1:]]


def _name(spec: StudySpec, task: Task, epoch: int) -> str:
    name = f"{task.cell} {task.kind} {task.index}"
    return f"{name} (epoch {epoch} of {spec.epochs})" if task.kind == "search" else name
