"""What the report says in words and small tables about a study: the plan, the data, the origin of its records."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from analysis.figures.wording import counted, hyperparameter, listed
from analysis.names import dataset_label, in_order, label
from analysis.study_records import StudyRecords
from analysis.summary import Counts, count
from study.dimensions import Dimension
from study.jobs import all_tasks
from study.spec import StudySpec

_SAMPLERS = {
    "tpe": "chosen by TPE",
    "random": "drawn at random",
    "grid": "on a grid",
    "gp": "chosen by a Gaussian process",
}

ABSENT = "–"


@dataclass(frozen=True)
class Sampled:
    """One row of the table of sampled hyperparameters."""

    name: str
    values: str
    filters: str


@dataclass(frozen=True)
class Data:
    """One row of the table of data sets; counts are text, a dash where no record has them."""

    name: str
    source: str
    searched_on: str
    tested_on: str
    fingerprint: str


def plan_in_words(spec: StudySpec) -> list[str]:
    """What was to be run, a sentence each: the cells, the search, the test."""
    cells = len(spec.datasets) * len(spec.filters) * len(spec.bits)
    trials = {spec.trials_of(name) for name in spec.filters}
    sampler = _SAMPLERS[spec.sampler.name]
    first = f", the first {counted(len(spec.first_trials), 'of them')} given" if spec.first_trials else ""
    some = f"{min(trials)} to {max(trials)} trials" if len(trials) > 1 else counted(min(trials), "trial")
    pruner = "run to their end" if spec.pruner.name == "none" else f"are pruned by {spec.pruner.name.replace('_', ' ')}"
    return [
        f"{counted(cells, 'cell')}: {listed([label(name) for name in in_order(spec.filters)])} at "
        f"{listed([str(bits) for bits in spec.bits])} bits on "
        f"{listed([dataset_label(dataset.name) for dataset in spec.datasets])}.",
        f"Each cell is searched with {some} {sampler}{first}, of at most "
        f"{counted(spec.epochs, 'epoch')}; trials {pruner} and are scored on validation queries.",
        f"The trial with the best validation mAP is trained again with {counted(spec.replicates, 'fresh seed')} on "
        f"everything that is not a test query, and scored once on the test queries. Baselines see the same split.",
    ]


def run_counts(study: StudyRecords) -> dict[str, Counts]:
    """How the runs of each kind ended, by a name for the kind."""
    tasks = all_tasks(study.spec)
    kinds = {"search": "search trials", "replicate": "replicates", "baseline": "baseline runs"}
    records = study.records
    return {
        name: count(records[records["kind"] == kind], sum(task.kind == kind for task in tasks))
        for kind, name in kinds.items()
    }


def sampled(spec: StudySpec) -> list[Sampled]:
    """Every range of the search space, and the filters it is for."""
    rows = []
    for name, dimensions in spec.space.items():
        for dimension in dimensions:
            filters = [one for one in in_order(spec.filters) if spec.space_for(one).get(name) == dimension]
            if filters:
                everywhere = len(filters) == len(spec.filters)
                rows.append(Sampled(hyperparameter(name), _range(dimension), "all" if everywhere else _labels(filters)))
    return rows


def fixed(spec: StudySpec) -> list[str]:
    """Every fixed hyperparameter with its value, ``batch size 256``."""
    found = []
    for name, value in spec.fixed.items():
        if isinstance(value, dict):
            found += [f"{hyperparameter(name)} {one} for {label(of)}" for of, one in value.items()]
        else:
            found.append(f"{hyperparameter(name)} {value}")
    return found


def _labels(filters: Iterable[str]) -> str:
    return ", ".join(label(one) for one in filters)


def _range(dimension: Dimension) -> str:
    if dimension.choices:
        return ", ".join(str(choice) for choice in dimension.choices)
    step = f", steps of {dimension.step:g}" if dimension.step is not None else ""
    return f"{dimension.low:g} to {dimension.high:g}" + (", log scale" if dimension.log else step)


def data_sets(study: StudyRecords) -> list[Data]:
    """Where each data set is from and how many items each part of its splits has."""
    rows = []
    for dataset in study.spec.datasets:
        records = study.records[study.records["dataset"] == dataset.name]
        fingerprints = [str(one)[:12] for one in records["data_fingerprint"].dropna().unique()]
        rows.append(
            Data(
                dataset_label(dataset.name),
                dataset.source,
                _sizes(records[records["scored_on"] == "validation"]),
                _sizes(records[records["scored_on"] == "test"]),
                ", ".join(fingerprints) or ABSENT,
            )
        )
    return rows


def _sizes(records: pd.DataFrame) -> str:
    known = records[["train_items", "database_items", "queries"]].dropna().drop_duplicates()
    parts = [
        f"{row.queries:,.0f} queries, {row.database_items:,.0f} in the database, {row.train_items:,.0f} trained on"
        for row in known.itertuples()
    ]
    return "; ".join(parts) or ABSENT


def origin(study: StudyRecords) -> dict[str, str]:
    """Code, versions and machines the records come from, and when; several where a study was run in parts."""
    records = study.records
    columns = {"commit": "commit", "versions": "versions", "host": "hosts", "device": "devices", "threads": "threads"}
    found = {name: _distinct(records[column]) for column, name in columns.items() if column in records}
    started = records["started"].dropna()
    found["started"] = f"{started.min()[:19]} to {started.max()[:19]} UTC" if len(started) else ABSENT
    return found


def _distinct(values: pd.Series) -> str:
    known = [f"{one:g}" if isinstance(one, float) else str(one) for one in values.dropna().unique()]
    return "; ".join(known) or ABSENT


def commits(study: StudyRecords) -> list[str]:
    """Distinct commits of the records, without the mark of uncommitted changes."""
    return list(dict.fromkeys(str(one).split("+")[0] for one in study.records["commit"].dropna()))


def commands(study: StudyRecords) -> str:
    """What to type to run the study again beside this one and to compare the two."""
    path, again = study.run.path, f"{study.name}-again"
    known = commits(study)
    checkout = [f"git checkout {known[0]}"] if known and known[0] != "unknown" else []
    return "\n".join(
        [
            *checkout,
            f"python run_study.py {shlex.quote(str(study.run.spec))} --name {again}",
            f"python -m analysis compare {shlex.quote(str(path))} {shlex.quote(str(path.parent / again))}",
        ]
    )
