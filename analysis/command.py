"""The command line: ``python -m analysis``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.against_manifest import in_words
from analysis.arms import beside_random
from analysis.compare import compare
from analysis.explain import explain, find_cell
from analysis.highlight import named
from analysis.kept_speed import keep_speeds
from analysis.searches import repeated
from analysis.study_records import StudyRecords, load_study
from analysis.tables import terminal_table, write_tables
from analysis.tables.formats import to_terminal
from analysis.tables.speed import speed_table
from analysis.verify import verify
from hasher.command_line import command
from hasher.console import SafeConsole
from study.record.joining import join
from study.record.manifest import making, read_manifest

_COMMANDS = ("make", "explain", "verify", "compare", "seeds", "report", "tuning", "speed", "join")
#: Columns where the output is no terminal.
_WIDTH = 240


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 done, 1 `verify` found a difference, 2 bad input."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "make")
    options = _parser().parse_args(given)
    console = SafeConsole(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    return int(options.run(options, console))


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
    page = commands.add_parser("report", help="write one page of several studies: ranks of methods over data sets")
    page.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    page.add_argument("--out", type=Path, default=Path("across.html"), metavar="FILE", help="default: across.html")
    page.set_defaults(run=_report)
    arms = commands.add_parser("tuning", help="print what other searches found beside a study of random trials")
    arms.add_argument("studies", nargs="+", type=Path, metavar="STUDY", help="that of random trials, then the others")
    arms.set_defaults(run=_tuning)
    fast = commands.add_parser("speed", help="time the winners' models on this machine: encoding and search")
    fast.add_argument("study", type=Path, metavar="STUDY")
    fast.add_argument("--keep", action="store_true", help="keep it in the study's folder, for its tables and report")
    fast.set_defaults(run=_speed)
    parts = commands.add_parser("join", help="make one study of several that are parts of it")
    parts.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    parts.add_argument("--name", required=True, help="of the study that they make, beside the first of them")
    parts.set_defaults(run=_join)
    for each in (make, one, check, both, seeds, page, arms, fast, parts):
        each.add_argument(
            "--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where the data sets are (default: data)"
        )
    return parser


def _make(options: argparse.Namespace, console: SafeConsole) -> int:
    studies = [
        replace(study, highlight=named(study, options.highlight))
        for study in _studies(options.studies, options.data_dir)
    ]
    for study in _one_by_one(studies):
        started = time.perf_counter()
        tables, report = _written(study)
        for dataset in study.datasets:
            console.print(terminal_table(study, dataset))
            console.print()
        console.print(
            f"{len(tables)} files of tables in {study.folder.tables}, figures beside them, report in {report} "
            f"({time.perf_counter() - started:.0f} s)"
        )
    return 0


def _written(study: StudyRecords) -> tuple[list[Path], Path]:
    """The tables and the report, anew, with the figures."""
    from analysis.report import write_report  # matplotlib takes a second to import, and only this needs it

    with making(study.folder):
        return write_tables(study), write_report(study)


def _explain(options: argparse.Namespace, console: SafeConsole) -> int:
    study = load_study(options.study, options.data_dir)
    console.print(explain(study, find_cell(study, options.dataset, options.method, options.bits)))
    return 0


def _verify(options: argparse.Namespace, console: SafeConsole) -> int:
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


def _compare(options: argparse.Namespace, console: SafeConsole) -> int:
    first, second = _studies(options.studies, options.data_dir)
    console.print(compare(first, second))
    return 0


def _seeds(options: argparse.Namespace, console: SafeConsole) -> int:
    console.print(repeated(_studies(options.studies, options.data_dir)))
    return 0


def _report(options: argparse.Namespace, console: SafeConsole) -> int:
    from analysis.across.report import write_across
    from analysis.across.tables import ranks_table

    found = write_across(_studies(options.studies, options.data_dir), options.out)
    console.print(to_terminal(ranks_table(found)))
    console.print(f"Page: {options.out}", soft_wrap=True)
    return 0


def _tuning(options: argparse.Namespace, console: SafeConsole) -> int:
    console.print(beside_random(_studies(options.studies, options.data_dir)))
    return 0


def _speed(options: argparse.Namespace, console: SafeConsole) -> int:
    from analysis.speed import measure  # faiss and models, which only this needs

    study = load_study(options.study, options.data_dir)
    speeds = measure(study)
    for dataset in study.datasets:
        console.print(to_terminal(speed_table(speeds, dataset)))
        console.print()
    if options.keep:
        keep_speeds(study, speeds)
        _, report = _written(study)
        console.print(f"Kept in {study.folder.speed}, report in {report}", soft_wrap=True)
    return 0


def _join(options: argparse.Namespace, console: SafeConsole) -> int:
    joined = join(options.studies, options.studies[0].resolve().parent / options.name)
    study = load_study(joined.folder.path, options.data_dir)
    _, report = _written(study)
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
