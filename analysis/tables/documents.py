"""Which tables there are, in which files, and in which part of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import RenderableType

from analysis.kept_speed import kept_speeds
from analysis.names import dataset_label
from analysis.paper_numbers import competitors
from analysis.results import DatasetResults, results_of
from analysis.rivals import has_rivals
from analysis.study_records import StudyRecords
from analysis.tables.against_paper import against_paper_table
from analysis.tables.cheapest import cheapest_table
from analysis.tables.competitors import competitors_table
from analysis.tables.conventions import conventions_table, has_conventions
from analysis.tables.cost import cost_by_family_table, cost_by_method_table, cost_table
from analysis.tables.formats import latex_document, to_csv, to_html, to_latex, to_markdown, to_terminal
from analysis.tables.hyperparameters import hyperparameter_tables
from analysis.tables.ladder import ladder_table
from analysis.tables.queries import metrics_table, query_tables
from analysis.tables.rivals import rivals_by_test_table, rivals_table
from analysis.tables.scores import cells_table, main_table
from analysis.tables.speed import speed_table
from analysis.tables.statistics import best_table, intervals_table, order_table, pairs_table, selection_table
from analysis.tables.table import Table
from analysis.tables.tuning import transfer_table, tunability_table, tuning_curve_table
from hasher.files import write_atomically

Section = Literal["results", "paper", "hyperparameters", "cost"]


@dataclass(frozen=True)
class Document:
    """Tables that belong together, in Markdown and LaTeX files named ``<data set>[-<name>]``.

    `section` is the report's; None for what is too long for it.
    """

    name: str
    section: Section | None
    tables: Sequence[Table]


def documents(study: StudyRecords, dataset: str) -> list[Document]:
    """All of a data set, in their order, those left out that a study has nothing for; files and report share them."""
    return study.once(("documents", dataset), lambda: _documents(results_of(study, dataset)))


def _documents(results: DatasetResults) -> list[Document]:
    queries = query_tables(results)
    found = [
        Document("", "results", [main_table(results), cells_table(results)]),
        Document("ladder", "results", [ladder_table(results)]),
        Document("statistics", "results", [
            best_table(results), intervals_table(results), selection_table(results), order_table(results),
        ]),
        Document("metrics", "results", [metrics_table(results)]),
        *([Document("queries", "results", queries)] if queries else []),
        Document("pairs", None, [pairs_table(results)]),
        Document("against-paper", "paper", [against_paper_table(results)]),
        Document("hyperparameters", "hyperparameters", hyperparameter_tables(results)),
        Document("cost", "cost", [
            cost_by_method_table(results), cheapest_table(results), cost_by_family_table(results), cost_table(results),
        ]),
    ]  # fmt: skip
    if has_rivals(results):
        found.insert(1, Document("hagcn-against-rivals", "results", [
            rivals_table(results), rivals_by_test_table(results),
        ]))  # fmt: skip
    tuned = [
        table
        for table in (tunability_table(results), tuning_curve_table(results), transfer_table(results))
        if table.rows
    ]
    if tuned:
        found.append(Document("tuning", "cost", tuned))
    speeds = kept_speeds(results.study)
    timed = speed_table(speeds, results.dataset) if speeds else None
    if timed and timed.rows:
        found.append(Document("speed", "cost", [timed]))
    if has_conventions(results):
        found.append(Document("conventions", "results", [conventions_table(results)]))
    if competitors(results.dataset):
        found.append(Document("competitors", "paper", [competitors_table(results)]))
    return found


def render_tables(study: StudyRecords) -> dict[Path, str]:
    """The content of every file of tables, by its path.

    For each data set: ``<data set>.tex``, a LaTeX document of all its tables; and for each document ``.md`` and a
    ``.tex`` to be input elsewhere (that of the main table is ``<data set>-main.tex``); and a ``.csv`` for each table.
    """
    files: dict[Path, str] = {}
    for dataset in study.datasets:
        stem = study.folder.tables / dataset
        everything: list[Table] = []
        for document in documents(study, dataset):
            files[_beside(stem, document.name, "md")] = "\n".join(map(to_markdown, document.tables))
            files[_beside(stem, document.name or "main", "tex")] = "\n".join(map(to_latex, document.tables))
            files |= {_beside(stem, table.name, "csv"): to_csv(table) for table in document.tables}
            everything += document.tables
        title = f"{study.name}: {dataset_label(dataset)}"
        files[_beside(stem, "", "tex")] = latex_document(title, everything)
    return files


def _beside(stem: Path, name: str, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}-{name}.{suffix}" if name else f"{stem.name}.{suffix}")


def write_tables(study: StudyRecords) -> list[Path]:
    """Write every table of a study below its ``tables/``, each whole or not at all; returns the paths."""
    files = render_tables(study)
    for path, content in files.items():
        write_atomically(path, content)
    return list(files)


def html_tables(study: StudyRecords, dataset: str) -> dict[Section, list[str]]:
    """The tables of one data set as HTML fragments, by the report's section, in their order."""
    sections: dict[Section, list[str]] = {"results": [], "paper": [], "hyperparameters": [], "cost": []}
    for document in documents(study, dataset):
        if document.section is not None:
            sections[document.section] += map(to_html, document.tables)
    return sections


def terminal_table(study: StudyRecords, dataset: str) -> RenderableType:
    """The main table for a `rich` console; plain text where the console is no terminal."""
    return to_terminal(documents(study, dataset)[0].tables[0])
