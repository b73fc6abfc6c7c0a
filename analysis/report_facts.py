"""What the report says in words and small tables about a study: the plan, the data, the origin of its records."""

from __future__ import annotations

import shlex

import pandas as pd

from analysis.claims.families import answer
from analysis.names import dataset_label, in_order, label
from analysis.results import results_of
from analysis.rivals import by_validation, has_rivals
from analysis.splits import split_in_words
from analysis.study_records import StudyRecords
from analysis.summary import count, count_headings
from analysis.tables.table import MISSING, Column, Entry, Table, text
from analysis.tables.table import count as whole
from analysis.wording import counted, hyperparameter, listed
from hasher.methods.registry import find_method
from hasher.references import REFERENCES
from hasher.retrieval.metrics import METRICS, SCORES
from study.plan.dimensions import Dimension
from study.plan.spec import StudySpec
from study.plan.tasks import all_tasks
from study.record.export import family_of

_SAMPLERS = {
    "tpe": "chosen by TPE",
    "random": "drawn at random",
    "grid": "on a grid",
    "gp": "chosen by a Gaussian process",
}


def families(spec: StudySpec) -> str:
    """The families of the studied methods."""
    return listed(list(dict.fromkeys(family_of(name) for name in in_order(spec.methods))))


def answer_in_words(study: StudyRecords) -> str | None:
    """Whether HAGCN holds against the other families, over all data sets; None where the study searched none."""
    found = [results_of(study, dataset) for dataset in study.datasets]
    contests = [by_validation(results, bits) for results in found if has_rivals(results) for bits in results.bits]
    return answer(contests) if contests else None


def plan_in_words(spec: StudySpec) -> list[str]:
    """What was to be run, a sentence each: the cells, the search, the test."""
    cells = len(spec.datasets) * len(spec.methods) * len(spec.bits)
    searched = [name for name in in_order(spec.methods) if spec.is_searched(name)]
    chosen = f"The trial with the best validation {METRICS[spec.objective].title(spec.k)} is trained again"
    return [
        f"{counted(cells, 'cell')}: {listed([label(name) for name in in_order(spec.methods)])} at "
        f"{listed([str(bits) for bits in spec.bits])} bits on "
        f"{listed([dataset_label(dataset.name) for dataset in spec.datasets])}.",
        _search(spec, searched),
        f"{chosen if searched else 'Each is trained'} with {counted(spec.replicates, 'fresh seed')} on everything that "
        f"is not a test query, and scored once on the test queries. {_baselines(spec)} see the same split.",
    ]


def _search(spec: StudySpec, searched: list[str]) -> str:
    if not searched:
        return "Nothing is searched, for there is nothing to choose."
    each = "Each cell" if len(searched) == len(spec.methods) else f"Each cell of {listed([*map(label, searched)])}"
    trials = {spec.trials_of(name) for name in searched}
    some = f"{min(trials)} to {max(trials)} trials" if len(trials) > 1 else counted(min(trials), "trial")
    given = max(spec.given_trials(name) for name in searched)
    first = f", the first {given if given > 1 else 'one'} given" if given else ""
    search = f"{each} is searched with {some} {_SAMPLERS[spec.sampler.name]}{first}"
    if not any(find_method(name).is_trained for name in searched):
        return f"{search}, which are scored on validation queries."
    pruner = "run to their end" if spec.pruner.name == "none" else f"are pruned by {spec.pruner.name.replace('_', ' ')}"
    epochs = counted(spec.epochs, "epoch")
    return f"{search}, of at most {epochs}; trials {pruner} and are scored on validation queries."


def extensions_in_words(study: StudyRecords) -> list[str]:
    """How the study grew after it was begun, and what that may have done to its honesty; nothing where it did not."""
    if not study.amendments:
        return []
    lines = [f"{amendment.in_words()}." for amendment in study.amendments]
    cells = study.superseded.groupby(["dataset", "method", "bits"]).ngroups if len(study.superseded) else 0
    seen = "Test scores could be seen before the study was extended"
    if not cells:
        return [*lines, f"{seen}; no cell has another winner since."]
    what = f"{counted(cells, 'cell')} got another winner after that, whose test runs take the place of "
    return [*lines, f"{seen}: {what}{counted(len(study.superseded), 'run')}, kept in records.csv as superseded."]


def _baselines(spec: StudySpec) -> str:
    names = [name for name in spec.all_methods if name not in spec.methods] + list(REFERENCES)
    return listed([label(name) for name in in_order(names)])


def counts_table(study: StudyRecords) -> Table:
    """How the runs of each kind ended."""
    tasks, records, headings = all_tasks(study.spec), study.records, count_headings(study.spec)
    kinds = {"search": "search trials", "test": "test runs"}
    rows = []
    for kind, name in kinds.items():
        found = count(records[records["kind"] == kind], sum(task.kind == kind for task in tasks))
        rows.append([text(name), *(whole(getattr(found, state)) for state in headings)])
    columns = [Column("runs", "Runs", "left"), *(Column(one.lower(), one.lower()) for one in headings.values())]
    return Table("runs", "How the runs ended", columns, rows)


def scores_table(study: StudyRecords) -> Table:
    """Every score that the records have, and which of them the study is about."""
    k = study.spec.k
    rows = []
    for score in SCORES:
        if not study.records[score.name].notna().any():
            continue
        use = "what trials are searched, pruned and chosen by" if score.name == study.spec.objective else ""
        on = "validation and test queries" if score.name in METRICS else "test queries"
        rows.append([text(score.title(k)), text(score.meaning.format(k=k)), text(on), Entry(use)])
    names = ["Score", "What it is", "Measured on", "In this study"]
    return Table("scores", "The scores in the records", [Column(name, name, "left") for name in names], rows)


def space_table(spec: StudySpec) -> Table:
    """Every range of the search space, and the methods it is for; what is fixed as a note."""
    rows = []
    for name, dimensions in spec.space.items():
        for dimension in dimensions:
            methods = [one for one in in_order(spec.methods) if spec.space_for(one).get(name) == dimension]
            if methods:
                rows.append([text(hyperparameter(name)), text(_range(dimension)), text(_of(spec, methods))])
    names = ["Hyperparameter", "Values", "Methods"]
    notes = [f"Fixed: {', '.join(fixed(spec))}."] if spec.fixed else []
    return Table("space", "The search space", [Column(name, name, "left") for name in names], rows, notes)


def _of(spec: StudySpec, chosen: list[str]) -> str:
    """Some of a study's methods: all, or families of which it is all, or their labels."""
    if len(chosen) == len(spec.methods):
        return "all"
    whole = set(map(family_of, chosen)) - {family_of(one) for one in spec.all_methods if one not in chosen}
    return ", ".join(dict.fromkeys(family_of(one) if family_of(one) in whole else label(one) for one in chosen))


def fixed(spec: StudySpec) -> list[str]:
    """Every fixed hyperparameter with its value, ``batch size 256``."""
    found = []
    for name, value in spec.fixed.items():
        if isinstance(value, dict):
            found += [f"{hyperparameter(name)} {one} for {label(of)}" for of, one in value.items()]
        else:
            found.append(f"{hyperparameter(name)} {value}")
    return found


def _range(dimension: Dimension) -> str:
    if dimension.choices:
        return ", ".join(str(choice) for choice in dimension.choices)
    step = f", steps of {dimension.step:g}" if dimension.step is not None else ""
    return f"{dimension.low:g} to {dimension.high:g}" + (", log scale" if dimension.log else step)


def data_table(study: StudyRecords) -> Table:
    """Where each data set is from and how many items each part of its splits has."""
    rows = []
    for dataset in study.spec.datasets:
        records = study.records[study.records["dataset"] == dataset.name]
        fingerprints = text(", ".join(str(one)[:12] for one in records["data_fingerprint"].dropna().unique()))
        name, source = text(dataset_label(dataset.name)), text(dataset.source)
        for part, users in (("validation", "search"), ("test", "test runs")):
            sizes = _sizes(records[records["scored_on"] == part])
            rows.append([name, source, text(users), *sizes, fingerprints])
    columns = [
        Column("data", "Data set", "left"), Column("source", "Source", "left"), Column("used_by", "Used by", "left"),
        Column("queries", "Queries"), Column("database", "Database"), Column("trained_on", "Trained on"),
        Column("fingerprint", "Fingerprint", "left"),
    ]  # fmt: skip
    notes = [
        f"{dataset_label(dataset.name)}: {sentence}"
        for dataset in study.spec.datasets
        for sentence in split_in_words(dataset)
    ]
    return Table("data", f"Data sets and their splits (split seed {study.spec.split_seed})", columns, rows, notes)


def _sizes(records: pd.DataFrame) -> list[Entry]:
    """Queries, database and training items; more than one number where the records do not agree."""
    found = [records[name].dropna().unique() for name in ("queries", "database_items", "train_items")]
    return [text(", ".join(f"{value:,.0f}" for value in values)) for values in found]


def origin(study: StudyRecords) -> dict[str, str]:
    """Code, versions and machines the records come from, and when; several where a study was run in parts."""
    records = study.records
    columns = {"commit": "commit", "versions": "versions", "host": "hosts", "device": "devices", "threads": "threads"}
    found = {name: _distinct(records[column]) for column, name in columns.items() if column in records}
    started = records["started"].dropna()
    found["started"] = f"{started.min()[:19]} to {started.max()[:19]} UTC" if len(started) else MISSING
    return found


def _distinct(values: pd.Series) -> str:
    known = [f"{one:g}" if isinstance(one, float) else str(one) for one in values.dropna().unique()]
    return "; ".join(known) or MISSING


def commits(study: StudyRecords) -> list[str]:
    """Distinct commits of the records, without the mark of uncommitted changes."""
    return list(dict.fromkeys(str(one).split("+")[0] for one in study.records["commit"].dropna()))


def reservations(study: StudyRecords) -> list[str]:
    """Why the commands may not give quite the same numbers."""
    found = []
    if len(commits(study)) > 1:
        found.append(f"The records come from {len(commits(study))} commits; the first is named above.")
    if study.records["commit"].dropna().astype(str).str.contains("+", regex=False).any():
        found.append("Some runs used code with uncommitted changes (+changes), which no commit holds.")
    for column, noun in (("versions", "sets of versions"), ("device", "kinds of device")):
        kinds = study.records[column].dropna().nunique()
        if kinds > 1:
            found.append(f"The records come from {kinds} {noun}.")
    return found


def commands(study: StudyRecords) -> str:
    """What to type to run the study again beside this one and to compare the two."""
    path, again = study.folder.path, f"{study.name}-again"
    known = commits(study)
    checkout = [f"git checkout {known[0]}"] if known and known[0] != "unknown" else []
    return "\n".join(
        [
            *checkout,
            f"python run_study.py {shlex.quote(str(study.folder.spec))} --name {again}",
            f"python -m analysis compare {shlex.quote(str(path))} {shlex.quote(str(path.parent / again))}",
        ]
    )
