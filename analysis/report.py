"""The report of a study: one HTML file that needs no network and no other file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from analysis import report_facts
from analysis.figures import Files, WrittenFigure, write_dataset_figures
from analysis.figures.embedding import Embedding, embedding_for
from analysis.interactive import page_data
from analysis.names import dataset_label
from analysis.page import render
from analysis.study_records import StudyRecords
from analysis.tables import html_tables
from analysis.tables.formats import csv_link, to_html
from analysis.tables.table import Table
from hasher.files import write_atomically

#: Longer tables of figures are files beside them and not in the report: those with every trial of a large study.
LARGEST_CSV = 60_000
#: CSS pixels an inch.
PIXELS = 96

SECTION_TITLES = {
    "results": "Results",
    "paper": "Against the paper",
    "hyperparameters": "What matters among the hyperparameters",
    "cost": "What it cost",
    "run": "What was run",
    "data": "On what",
    "reproduce": "How to reproduce it",
}

#: What the tables after a section's first one are about; they are folded away.
MORE_TABLES = {
    "results": "More tables: what each cell rests on, where mAP is lost, tests, confidence intervals, what selecting "
    "the best does, other scores, classes, hard queries, agreement of methods",
    "paper": "More tables against the paper",
    "hyperparameters": "More tables of the hyperparameters",
    "cost": "More tables: what each cell cost, and how fast the winners are where that was kept",
}

INTRODUCTIONS = {
    "results": "Every score is its expectation over all orders of items at equal Hamming distance, measured on test "
    "queries that neither training nor the search has seen.",
    "paper": "The paper's numbers come from its released code, whose metric counts nearly every item as relevant where "
    "labels are integers. They are shown beside ours to be compared in shape, not in height.",
    "hyperparameters": "All of this is from the search, scored on validation queries; nothing here has seen a test "
    "query.",
    "cost": "Device-seconds are the seconds a run took times the devices it held: GPUs where it had any, otherwise CPU "
    "cores.",
}


@dataclass(frozen=True)
class _Image:
    """A figure as the template shows it; `image` is a data URI, None where there was nothing to draw, and `csv` a link
    to its numbers, or nothing."""

    key: str
    title: str
    caption: str
    alt: str
    image: str | None
    width: int
    height: int
    csv: Markup


@dataclass(frozen=True)
class _Part:
    """All that is shown of one data set, tables and figures by section."""

    dataset: str
    label: str
    headline: str
    tables: Mapping[str, list[Markup]]
    figures: dict[str, list[_Image]]


def write_report(study: StudyRecords) -> Path:
    """Draw every figure of a study and write ``report.html`` into its study folder; returns its path."""
    path = study.folder.report
    write_atomically(path, _render(study, [_part(study, dataset) for dataset in study.datasets]))
    return path


def _render(study: StudyRecords, parts: list[_Part]) -> str:
    return render(
        "report.html.j2",
        study=study,
        parts=parts,
        section_titles=SECTION_TITLES,
        introductions=INTRODUCTIONS,
        more_tables=MORE_TABLES,
        families=report_facts.families(study.spec),
        answer=report_facts.answer_in_words(study),
        plan=[*report_facts.plan_in_words(study.spec), *report_facts.extensions_in_words(study)],
        keys=study.origins.in_words(study.spec) if study.origins else [],
        run_tables=[Markup(to_html(table)) for table in _run_tables(study)],
        data_table=Markup(to_html(report_facts.data_table(study))),
        origin=report_facts.origin(study),
        reservations=report_facts.reservations(study),
        commands=report_facts.commands(study),
        page_data=page_data(study),
    )


def _part(study: StudyRecords, dataset: str) -> _Part:
    name, embed = dataset_label(dataset), embedding_for(len(study.datasets))
    written = write_dataset_figures(study, dataset)
    figures = {section: [_image(one, name, embed) for one in found] for section, found in written.items()}
    tables = {
        str(section): [Markup(table) for table in found] for section, found in html_tables(study, dataset).items()
    }
    return _Part(dataset, name, written["results"][0].figure.sentence, tables, figures)


def _run_tables(study: StudyRecords) -> list[Table]:
    space = [report_facts.space_table(study.spec)] if study.spec.space else []
    return [report_facts.counts_table(study), *space, report_facts.scores_table(study)]


def _image(written: WrittenFigure, dataset: str, embed: Embedding) -> _Image:
    figure, files = written.figure, written.files
    alt = f"Figure: {figure.title}, {dataset}. The caption says what it shows."
    if files is None:
        return _Image(figure.key, figure.title, figure.caption, alt, None, 0, 0, Markup())
    uri = embed(files)
    width, height = round(files.width * PIXELS), round(files.height * PIXELS)
    return _Image(
        figure.key, figure.title, figure.caption, alt, uri, width, height, _csv(files, f"{figure.title}, {dataset}")
    )


def _csv(files: Files, title: str) -> Markup:
    if files.csv is None or files.csv.stat().st_size > LARGEST_CSV:
        return Markup()
    return Markup(csv_link(title, files.csv.read_text(encoding="utf-8")))
