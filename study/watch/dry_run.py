"""What a study would run and what that would take, shown before anything is started."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from statistics import mean

import optuna
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hasher.errors import DataNotFound
from study.options import Resources, RunOptions
from study.plan.finished import Finished, done
from study.plan.origins import Origins
from study.plan.spec import StudySpec
from study.plan.tasks import Task, cells, final_tasks, search_tasks
from study.record.run_files import lost_runs
from study.record.sampling import open_storage
from study.record.stored import read_finished
from study.record.study_folder import StudyFolder
from study.watch.cost import Estimate, Source, estimate, own_times, recorded_times, wall_seconds
from study.watch.counts import count_runs, duration, tasks_left
from study.watch.step_times import time_steps
from study.work.data import StudyData, load_data

#: Where a run's time is estimates from when no run is known that is like it.
TIMED = "timed steps"


def print_plan(spec: StudySpec, origins: Origins, options: RunOptions, console: Console) -> None:
    """Cells, trials and replicates: planned, done and left, and what is left will take. Changes nothing.

    A study that is begun tells the `origins` of its keys that were kept with it.
    """
    folder = StudyFolder(options.runs_dir / spec.name)
    changes: list[str] = []
    if options.extend:
        changes = folder.check_extension(spec, options.storage)
    else:
        folder.check(spec, options.storage)
    finished: dict[Task, Finished] = {}
    if options.storage is not None or folder.journal.exists():
        finished = read_finished(spec, open_storage(options.storage or str(folder.journal)))
    for task, line in lost_runs(folder, spec, finished, finished).items():
        console.print(f"{line}; its run is done again", highlight=False, soft_wrap=True, markup=False)
        del finished[task]
    console.print(_plan_table(spec, folder, finished))
    now = count_runs(spec, finished)
    console.print(f"{now.in_words()}, {now.left} left", highlight=False)
    for line in _changes_in_words(spec, changes, finished):
        console.print(line, highlight=False, soft_wrap=True)
    kept = folder.read_origins() if folder.spec.exists() and not changes else origins
    if kept is not None:
        console.print(_origins_table(spec, kept))
    if now.left:
        _print_cost(spec, options, finished, console)


def _changes_in_words(spec: StudySpec, changes: list[str], finished: dict[Task, Finished]) -> list[str]:
    """What an extension changes, and what it may do again."""
    if not changes:
        return []
    searching = {task.cell for task in tasks_left(spec, finished) if task.kind == "search"}
    again = sum(task.kind == "test" and task.cell in searching for task in finished)
    kept = f"What has ended is kept. {again} test runs are of cells that are searched further: done again where another"
    return ["Extends the study:", *(f"  {change}" for change in changes), f"{kept} trial wins."]


def _plan_table(spec: StudySpec, folder: StudyFolder, finished: dict[Task, Finished]) -> Table:
    table = Table(title=f"Study {spec.name} in {folder.path}", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("data set", "method", "bits", "trials", "done", "left", "test runs", "done", "left"):
        table.add_column(heading, justify="left" if heading in ("data set", "method") else "right")
    for cell in cells(spec):
        search = _counts(spec, search_tasks(spec, cell), finished)
        replicates = _counts(spec, final_tasks(spec, cell), finished)
        table.add_row(cell.dataset, cell.method, str(cell.bits), *search, *replicates)
    return table


def _origins_table(spec: StudySpec, origins: Origins) -> Table:
    table = Table(title="Where its keys are from", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("from")
    table.add_column("keys")
    for source, keys in origins.in_words(spec):
        table.add_row(Text(source), Text(keys))  # no markup: values in brackets are lists
    return table


def _counts(spec: StudySpec, tasks: list[Task], finished: dict[Task, Finished]) -> tuple[str, str, str]:
    ended = len(done(spec, finished, tasks))
    return str(len(tasks)), str(ended), str(len(tasks) - ended)


def _print_cost(spec: StudySpec, options: RunOptions, finished: dict[Task, Finished], console: Console) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    left = tasks_left(spec, finished)
    with console.status("Reading earlier runs, timing a few steps"):
        estimates = estimate(left, _sources(spec, options, finished, console))
    if not estimates:
        return
    console.print(_cost_table(estimates, options.resources))
    slots = options.max_concurrent if options.address else _local_slots(options.resources, options.max_concurrent)
    hours = sum(one.seconds for one in estimates.values()) * options.resources.devices / 3600
    time = f"About {duration(wall_seconds(spec, estimates, slots))} with {slots} at a time, " if slots else "About "
    console.print(f"{time}{hours:.3g} device-hours", highlight=False)
    for line in _sources_in_words(estimates):
        console.print(line, highlight=False, soft_wrap=True)
    if any(one.source == TIMED for one in estimates.values()):
        console.print(
            "Steps were timed on this machine, as busy as it is now; how many trials will be pruned is a guess, and "
            "test runs are taken to train for all epochs.",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _sources(
    spec: StudySpec, options: RunOptions, finished: dict[Task, Finished], console: Console
) -> Iterator[Source]:
    yield own_times(finished)
    data: dict[str, StudyData] = {}
    for wanted in spec.datasets:
        try:
            data |= load_data(spec.model_copy(update={"datasets": [wanted]}), options.data_dir)
        except DataNotFound as error:  # they may come; what is there and no good is refused
            console.print(f"No estimate for {wanted.name}: {error}", highlight=False, soft_wrap=True)
    threads = options.resources.threads
    yield from recorded_times(spec, data, options.runs_dir, threads)
    for name, one in data.items():
        yield Source(TIMED, time_steps(spec, name, one, threads))


def _local_slots(resources: Resources, limit: int | None) -> int:
    fits = int((os.cpu_count() or 1) / resources.cpus) if resources.cpus else limit or 1
    return max(1, min(fits, limit or fits))


def _cost_table(estimates: dict[Task, Estimate], resources: Resources) -> Table:
    groups: dict[tuple[str, str], dict[Task, Estimate]] = defaultdict(dict)
    for task, one in estimates.items():
        groups[task.cell.dataset, task.cell.method][task] = one
    table = Table(title="What is left", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("data set", "method", "runs", "a trial", "a test run", "device-hours"):
        table.add_column(heading, justify="left" if heading in ("data set", "method") else "right")
    for (dataset, name), runs in groups.items():
        hours = sum(one.seconds for one in runs.values()) * resources.devices / 3600
        table.add_row(dataset, name, str(len(runs)), _mean(runs, "search"), _mean(runs, "test"), f"{hours:.3g}")
    return table


def _sources_in_words(estimates: dict[Task, Estimate]) -> list[str]:
    rows: dict[str, list[str]] = defaultdict(list)
    for task, one in estimates.items():
        rows[one.source].append(f"{task.cell.dataset} {task.cell.method}")
    if len(rows) == 1:
        return [f"Estimate from {source}" for source in rows]
    return [f"Estimate from {source}: {', '.join(dict.fromkeys(names))}" for source, names in rows.items()]


def _mean(runs: dict[Task, Estimate], kind: str) -> str:
    seconds = [one.seconds for task, one in runs.items() if task.kind == kind]
    return f"{mean(seconds):.2f} s" if seconds else ""
