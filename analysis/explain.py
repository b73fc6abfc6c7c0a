"""Everything one cell of the main table rests on."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from analysis.edges import edges
from analysis.names import dataset_label, full_label, meant
from analysis.results import results_of
from analysis.study_records import StudyRecords
from analysis.summary import former_tests, in_words, scored, search_counts, tested_counts, tested_runs
from analysis.tables.formats import to_terminal
from analysis.tables.hyperparameters import shown
from analysis.tables.table import Column, Entry, Table, number
from analysis.wording import decimals
from hasher.errors import UserError
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from hasher.retrieval.metrics import PRINCIPAL
from study.plan.tasks import NO_BITS, Cell, Task


def find_cell(study: StudyRecords, dataset: str, method: str, bits: str) -> Cell:
    """The cell a person means. Raises `UserError` that lists what the study has."""
    methods = [*study.spec.all_methods, *REFERENCES]
    method = meant(method, methods)
    known: list[tuple[str, str, list[Any]]] = [
        ("data set", dataset, study.datasets),
        ("method", method, methods),
        ("code length", bits, study.spec.bits),
    ]
    for kind, given, there in known:
        if given not in map(str, there):
            raise UserError(f"{given}: no such {kind} in {study.folder.path}, it has {', '.join(map(str, there))}")
    return results_of(study, dataset).cell(method, int(bits))


def explain(study: StudyRecords, cell: Cell) -> RenderableType:
    """Score, selection, trials, replicates, configuration, data, origin, files, and the command that runs it again."""
    searched = study.spec.is_searched(cell.method)
    length = f", {cell.bits} bits" if cell.bits else ""
    parts: list[RenderableType] = [
        Text(f"{full_label(cell.method)}{length}, on {dataset_label(cell.dataset)} ({study.folder.path})", "bold"),
        *_section("Score", score_in_words(study, cell)),
    ]
    if searched:
        trials = trials_table(study, cell, study.runs("search", cell))
        parts += [*_section("Selection", selection_in_words(study, cell)), Text(), to_terminal(trials)]
    parts += [Text(), to_terminal(tests_table(study, cell))]
    if searched and study.winner(cell) is not None:
        parts += _section("Configuration of the test runs", _configuration(study, cell))
    parts += _section("Data", _data(study, cell))
    parts += _section("Origin", _origin(_recorded(study, cell)))
    parts += _section("Files", _files(study, cell))
    parts += _section("To run it again", _rerun(study, cell))
    return Group(*parts)


def _section(heading: str, lines: Iterable[str]) -> list[RenderableType]:
    return [Text(), Text(heading, "bold"), *(Text(f"  {line}") for line in lines)]


def _recorded(study: StudyRecords, cell: Cell) -> pd.DataFrame:
    found = [study.runs("search", cell), tested_runs(study, cell)]
    return pd.concat([rows for rows in found if len(rows)]) if any(map(len, found)) else study.records.iloc[:0]


def score_in_words(study: StudyRecords, cell: Cell) -> list[str]:
    """What a cell scored, its interval, and what the tests say of it beside the best of its column."""
    results = results_of(study, cell.dataset)
    summary = results.summary(cell)
    if summary["missing"]:
        return [f"none: {summary['missing']}"]
    spread = f" ± {decimals(summary['score_sd'])}" if pd.notna(summary["score_sd"]) else ""
    mean = decimals(summary["score_mean"])
    lines = [f"{results.metric} {mean}{spread} over {summary['replicates']} runs on the test queries"]
    interval = results.interval(cell)
    if interval is not None:
        lines.append(f"95% interval {decimals(interval.low)} to {decimals(interval.high)}")
    if cell.bits == NO_BITS:
        return lines
    column = results.column(cell.bits)
    pair = column.against_best(cell.method)
    if cell.method == column.best:
        lines.append(f"the highest mean at {cell.bits} bits")
    elif pair is not None and pair.test is not None and pair.adjusted is not None:
        verdict = "tied with" if cell.method in column.tied else "shown to differ from"
        difference = decimals(pair.test.difference, signed="+")
        lines.append(
            f"{verdict} the highest mean, {full_label(pair.second)}: {difference}, Holm's p = {pair.adjusted:.3g}"
        )
    elif pair is not None:
        lines.append(f"not compared with the highest mean, {full_label(pair.second)}: {pair.why_not}")
    return lines


def selection_in_words(study: StudyRecords, cell: Cell) -> list[str]:
    """How a searched cell's winner was chosen, and among what."""
    counts, winner = search_counts(study, cell), study.winner(cell)
    metric = results_of(study, cell.dataset).metric
    other = in_words(counts)
    lines = [f"{counts.planned} trials planned, {counts.complete} complete" + (f", {other}" if other else "")]
    if winner is None:
        return [*lines, "no trial is complete, so there is no winner"]
    trials = study.runs("search", cell)
    rest = trials[(trials["state"] == "complete") & (trials["index"] != winner["index"])]["score"].max()
    lead = "" if pd.isna(rest) else f", {decimals(winner['score'] - rest, 4, '+')} ahead of the next"
    epoch = f", best at epoch {shown(winner['chosen_epoch'])}" if find_method(cell.method).is_trained else ""
    return [
        *lines,
        *_extensions(study, cell),
        f"rule: the complete trial with the best validation {metric}, the earlier of equals; test queries play no part",
        f"winner: trial {winner['index']} with validation {metric} {decimals(winner['score'], 4)}{lead}{epoch}",
        *(f"warning: {edge.in_words()}" for edge in edges(study.spec, cell.method, winner.to_dict())),
    ]


def _extensions(study: StudyRecords, cell: Cell) -> list[str]:
    """What was added to the study while its test scores could be seen, and what of them is of a former winner."""
    lines = [amendment.in_words() for amendment in study.amendments]
    gone = former_tests(study, cell)
    if gone:
        lines.append(f"{gone} test runs are of a former winner: in records.csv, superseded, and counted nowhere")
    return lines


def trials_table(study: StudyRecords, cell: Cell, trials: pd.DataFrame) -> Table:
    """A row for each of `trials`, which are search trials of the cell, with what was sampled for it."""
    sampled = list(study.spec.space_for(cell.method))
    columns = [
        Column("trial", "Trial"), Column("state", "State", "left"),
        Column("score", results_of(study, cell.dataset).metric),
        Column("chosen_epoch", "Best epoch"), Column("epochs", "Epochs"), Column("seed", "Seed"),
        Column("seconds", "Seconds"), *(Column(name, name) for name in sampled), Column("error", "Error", "left"),
    ]  # fmt: skip
    winner = study.winner(cell)
    rows = []
    for _, trial in trials.iterrows():
        chosen = ", chosen" if winner is not None and trial["index"] == winner["index"] else ""
        plain = [_entry(trial, name) for name in ("chosen_epoch", "epochs", "seed", "seconds", *sampled, "error")]
        rows.append([_entry(trial, "index"), Entry(trial["state"] + chosen), number(trial["score"], 4), *plain])
    return Table("trials", "Search trials, scored on validation queries", columns, rows)


def tests_table(study: StudyRecords, cell: Cell) -> Table:
    """A row a run on the test queries."""
    columns = [
        Column("run", "Run"), Column("state", "State", "left"), Column("seed", "Seed"),
        *(Column(score.name, score.title(study.spec.k)) for score in PRINCIPAL), Column("epochs", "Epochs"),
        Column("seconds", "Seconds"), Column("error", "Error or note", "left"),
    ]  # fmt: skip
    rows = []
    for _, run in tested_runs(study, cell).iterrows():
        said = [str(run[name]) for name in ("error", "note") if pd.notna(run.get(name))]
        rows.append([
            _entry(run, "index"), Entry(str(run["state"])), _entry(run, "seed"),
            *(number(run[score.name], 4) for score in PRINCIPAL), _entry(run, "epochs"), _entry(run, "seconds"),
            Entry("; ".join(said)),
        ])  # fmt: skip
    counts = tested_counts(study, cell)
    title = f"Runs on the test queries, {counts.complete} of {counts.planned} complete (k = {study.spec.k})"
    return Table("tests", title, columns, rows)


def _entry(run: pd.Series, name: str) -> Entry:
    value = run.get(name)
    return Entry("") if value is None or pd.isna(value) else Entry(value if isinstance(value, str) else _digits(value))


def _digits(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.4g}"


def _configuration(study: StudyRecords, cell: Cell) -> list[str]:
    """The winner's, each value with where it came from."""
    winner = study.winner(cell)
    assert winner is not None
    sampled, fixed = study.spec.space_for(cell.method), study.spec.fixed_for(cell.method)
    lines = [f"method = {cell.method}", f"bits = {cell.bits}"]
    if find_method(cell.method).is_trained:
        planned = winner.get("planned_epochs")  # of the study when the trial was run; it may have grown since
        lines += [
            f"epochs = {study.spec.epochs if planned is None or pd.isna(planned) else shown(planned)} (the study's)",
            f"stop_after = {shown(winner['chosen_epoch'])} (the winner's best)",
        ]
    for name in study.spec.hyperparameters:
        value = winner.get(name)
        if value is None or pd.isna(value):
            continue
        origin = "sampled" if name in sampled else "fixed" if name in fixed else "default"
        lines.append(f"{name} = {_value(value)} ({origin})")
    return lines


def _value(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"


def constants(study: StudyRecords, cell: Cell) -> dict[str, str]:
    """What every trial of a searched cell had in common: hyperparameters that were not sampled, by name."""
    trials, sampled = study.runs("search", cell), study.spec.space_for(cell.method)
    found = {name: trials[name].dropna().unique() for name in study.spec.hyperparameters if name in trials}
    return {name: _value(one[0]) for name, one in found.items() if name not in sampled and len(one) == 1}


def _data(study: StudyRecords, cell: Cell) -> list[str]:
    wanted = next(dataset for dataset in study.spec.datasets if dataset.name == cell.dataset)
    limits = wanted.model_dump(exclude={"source"}, exclude_none=True)
    lines = [
        f"source {wanted.source}, split seed {study.spec.split_seed}"
        + "".join(f", {name} = {value}" for name, value in limits.items())
    ]
    runs = _recorded(study, cell)
    for scored_on, rows in runs.dropna(subset=["scored_on"]).groupby("scored_on"):
        sizes = rows[["train_items", "database_items", "queries"]].dropna().drop_duplicates().astype(int)
        lines += [
            f"{row.train_items} trained on, {row.database_items} in the database, {row.queries} {scored_on} queries"
            for row in sizes.itertuples()
        ]
    return [*lines, *(f"fingerprint {value}" for value in _distinct(runs, "data_fingerprint"))]


def _origin(runs: pd.DataFrame) -> list[str]:
    names = {"commit": "commit", "versions": "versions", "host": "host", "device": "device", "threads": "threads",
             "optuna_study": "Optuna study"}  # fmt: skip
    lines = [
        f"{heading}: {', '.join(_distinct(runs, name))}" for name, heading in names.items() if _distinct(runs, name)
    ]
    started = sorted(_distinct(runs, "started"))
    return [*lines, f"first run started {started[0]}, last {started[-1]}"] if started else lines


def _distinct(runs: pd.DataFrame, name: str) -> list[str]:
    return [] if name not in runs else [str(value) for value in runs[name].dropna().unique()]


def _files(study: StudyRecords, cell: Cell) -> list[str]:
    paths = [study.folder.evaluation(Task("test", cell, int(index))) for index in scored(study, cell)["index"]]
    if cell.method not in REFERENCES:
        paths.insert(0, study.folder.model(cell))
    return [str(path) if path.exists() else f"{path} (missing)" for path in paths] or ["none"]


def _rerun(study: StudyRecords, cell: Cell) -> list[str]:
    """The frozen study narrowed to the cell. Seeds depend on a run's kind and index alone, so they are the same."""
    words = ["python", "run_study.py", str(study.folder.spec), "--name", f"{study.name}-again"]
    if cell.bits:
        words += ["--bits", str(cell.bits)]
    if cell.method in study.spec.methods:
        words += ["--methods", cell.method]
    wanted = next(dataset for dataset in study.spec.datasets if dataset.name == cell.dataset)
    lines = [shlex.join(words)]
    if len(study.spec.datasets) > 1:
        if wanted == type(wanted)(source=wanted.source):
            lines = [shlex.join([*words, "--dataset", wanted.source])]
        else:
            lines.append(
                f"(it also runs the other data sets: only {study.folder.spec} holds the sizes of this one's split)"
            )
    if cell.method not in study.spec.methods:
        lines.append("(it is part of every such study, whatever its methods)")
    commits = [name for name in _distinct(_recorded(study, cell), "commit") if name != "unknown"]
    return [*(f"git checkout {name.removesuffix('+changes')}" for name in commits[:1]), *lines]
