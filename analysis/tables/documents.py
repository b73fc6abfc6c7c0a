"""Which tables there are, in which files, and in which part of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import RenderableType

from analysis.names import dataset_label
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords
from analysis.tables.against_paper import against_paper_table
from analysis.tables.cost import cost_by_method_table, cost_table
from analysis.tables.formats import latex_document, to_csv, to_html, to_latex, to_markdown, to_terminal
from analysis.tables.hyperparameters import hyperparameter_table
from analysis.tables.ladder import ladder_table
from analysis.tables.scores import cells_table, main_table
from analysis.tables.statistics import best_table, intervals_table, order_table, pairs_table, selection_table
from analysis.tables.table import Table
from hasher.files import write_atomically

Build = Callable[[DatasetResults], Table]
Section = Literal["results", "paper", "hyperparameters", "cost"]


@dataclass(frozen=True)
class Document:
    """Tables that belong together, in Markdown and LaTeX files named ``<data set>[-<name>]``.

    `section` is the report's; None for what is too long for it.
    """

    name: str
    section: Section | None
    tables: tuple[Build, ...]


DOCUMENTS = (
    Document("", "results", (main_table, cells_table)),
    Document("ladder", "results", (ladder_table,)),
    Document("statistics", "results", (best_table, intervals_table, selection_table, order_table)),
    Document("pairs", None, (pairs_table,)),
    Document("against-paper", "paper", (against_paper_table,)),
    Document("hyperparameters", "hyperparameters", (hyperparameter_table,)),
    Document("cost", "cost", (cost_by_method_table, cost_table)),
)


def render_tables(study: StudyRecords) -> dict[Path, str]:
    """The content of every file of tables, by its path.

    For each data set: ``<data set>.tex``, a LaTeX document of all its tables; and for each document ``.md`` and a
    ``.tex`` to be input elsewhere (that of the main table is ``<data set>-main.tex``); and a ``.csv`` for each table.
    """
    files: dict[Path, str] = {}
    for dataset in study.datasets:
        results = results_of(study, dataset)
        documents = {document.name: [_built(build, results) for build in document.tables] for document in DOCUMENTS}
        stem = study.folder.tables / dataset
        for name, tables in documents.items():
            files[_beside(stem, name, "md")] = "\n".join(to_markdown(table) for table in tables)
            files[_beside(stem, name or "main", "tex")] = "\n".join(to_latex(table) for table in tables)
            files |= {_beside(stem, table.name, "csv"): to_csv(table) for table in tables}
        everything = [table for tables in documents.values() for table in tables]
        title = f"{study.name}: {dataset_label(dataset)}"
        files[_beside(stem, "", "tex")] = latex_document(title, everything)
    return files


def _built(build: Build, results: DatasetResults) -> Table:
    """A table, which files, report and terminal share."""
    return results.study.once((build, results.dataset), lambda: build(results))


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
    results = results_of(study, dataset)
    sections: dict[Section, list[str]] = {"results": [], "paper": [], "hyperparameters": [], "cost": []}
    for document in DOCUMENTS:
        if document.section is not None:
            sections[document.section] += [to_html(_built(build, results)) for build in document.tables]
    return sections


def terminal_table(study: StudyRecords, dataset: str) -> RenderableType:
    """The main table for a `rich` console; plain text where the console is no terminal."""
    return to_terminal(_built(main_table, results_of(study, dataset)))
