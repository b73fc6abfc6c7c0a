"""The command line: ``python -m analysis``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from analysis.against_manifest import in_words
from analysis.compare import compare
from analysis.explain import explain, find_cell
from analysis.highlight import named
from analysis.searches import repeated
from analysis.study_records import StudyRecords, load_study
from analysis.tables import terminal_table, write_tables
from analysis.verify import verify
from hasher.errors import UserError
from hasher.notices import plain_warnings
from study.record.joining import join
from study.record.manifest import making, read_manifest

_COMMANDS = ("make", "explain", "verify", "compare", "seeds", "join")
#: Columns where the output is no terminal.
_WIDTH = 240


@plain_warnings()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 done, 1 `verify` found a difference, 2 bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "make")
    options = _parser().parse_args(given)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    try:
        return int(options.run(options, console))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Tables, figures, statistics and a report of studies that run_study.py ran.",
        epilog="`python -m analysis STUDY` is short for `python -m analysis make STUDY`.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="write all tables, figures and the report of one or more studies")
    make.add_argument(
        "studies", nargs="+", type=Path, metavar="STUDY", help="folder of a study, for instance runs/digits"
    )
    make.add_argument(
        "--highlight", nargs="+", default=[], metavar="METHOD",
        help="methods that figures draw in colour, all others pale (default: all of a few, of many the best of every "
        "family and ITQ)",
    )  # fmt: skip
    make.set_defaults(run=_make)
    one = commands.add_parser("explain", help="print everything that one cell of the main table rests on")
    one.add_argument("study", type=Path, metavar="STUDY")
    one.add_argument("dataset", metavar="DATASET")
    one.add_argument("method", metavar="METHOD", help="a method, as in records.csv or as in the tables")
    one.add_argument("bits", metavar="BITS")
    one.set_defaults(run=_explain)
    check = commands.add_parser("verify", help="recompute every table from the records; exit code 1 where one differs")
    check.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    check.set_defaults(run=_verify)
    both = commands.add_parser("compare", help="print two studies side by side, with tests of their differences")
    both.add_argument("studies", nargs=2, type=Path, metavar="STUDY")
    both.set_defaults(run=_compare)
    seeds = commands.add_parser(
        "seeds", help="print what the luck of the search is worth: one study under several seeds"
    )
    seeds.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    seeds.set_defaults(run=_seeds)
    parts = commands.add_parser("join", help="make one study of several that are parts of it")
    parts.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    parts.add_argument("--name", required=True, help="of the study that they make, beside the first of them")
    parts.set_defaults(run=_join)
    for command in (make, one, check, both, seeds, parts):
        command.add_argument(
            "--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where the data sets are (default: data)"
        )
    return parser


def _make(options: argparse.Namespace, console: Console) -> int:
    from analysis.report import write_report  # matplotlib takes a second to import, and only this needs it

    studies = [
        replace(study, highlight=named(study, options.highlight))
        for study in _studies(options.studies, options.data_dir)
    ]
    for study in _one_by_one(studies):
        started = time.perf_counter()
        with making(study.folder):
            tables = write_tables(study)
            report = write_report(study)
        for dataset in study.datasets:
            console.print(terminal_table(study, dataset))
            console.print()
        console.print(
            f"{len(tables)} files of tables in {study.folder.tables}, figures beside them, report in {report} "
            f"({time.perf_counter() - started:.0f} s)"
        )
    return 0


def _explain(options: argparse.Namespace, console: Console) -> int:
    study = load_study(options.study, options.data_dir)
    console.print(explain(study, find_cell(study, options.dataset, options.method, options.bits)))
    return 0


def _verify(options: argparse.Namespace, console: Console) -> int:
    differs = 0
    for study in _one_by_one(_studies(options.studies, options.data_dir)):
        found = verify(study)
        for line in found:
            console.print(f"{study.folder.path}: {line}", soft_wrap=True, markup=False)
        if not found:
            console.print(f"{study.folder.path}: every table follows from the records", soft_wrap=True)
            vouched = in_words(study.folder, read_manifest(study.folder))
            console.print(f"{study.folder.path}: {vouched}", soft_wrap=True, markup=False)
        differs += bool(found)
    return 1 if differs else 0


def _compare(options: argparse.Namespace, console: Console) -> int:
    first, second = _studies(options.studies, options.data_dir)
    console.print(compare(first, second))
    return 0


def _seeds(options: argparse.Namespace, console: Console) -> int:
    console.print(repeated(_studies(options.studies, options.data_dir)))
    return 0


def _join(options: argparse.Namespace, console: Console) -> int:
    from analysis.report import write_report

    joined = join(options.studies, options.studies[0].resolve().parent / options.name)
    study = load_study(joined.folder.path, options.data_dir)
    with making(study.folder):
        write_tables(study)
        report = write_report(study)
    for dataset in study.datasets:
        console.print(terminal_table(study, dataset))
    for line in joined.contradictions:
        console.print(f"differs: {line}; that of the first is taken", soft_wrap=True, markup=False)
    doubles = f", {joined.doubles} of them in more than one of the studies" if joined.doubles else ""
    missing = f"; {joined.missing} that it would have are in none" if joined.missing else ""
    console.print(f"{joined.runs} runs{doubles}{missing}", soft_wrap=True)
    console.print(f"Report: {report}", soft_wrap=True)
    return 0


def _studies(paths: Sequence[Path], data_dir: Path) -> list[StudyRecords]:
    """All of them before anything is written, so that a wrong path leaves nothing half done."""
    return [load_study(path, data_dir) for path in paths]


def _one_by_one(studies: list[StudyRecords]) -> Iterator[StudyRecords]:
    """Each study, let go of when the next is asked for: with it goes all that was worked out of it."""
    while studies:
        yield studies.pop(0)
