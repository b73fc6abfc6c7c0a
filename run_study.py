"""Run a hyperparameter study of HAGCN: ``python run_study.py [SPACE.yaml] [options]``."""

import sys

if __name__ == "__main__" and sys.stderr.isatty() and not {"--quiet", "-h", "--help"} & set(sys.argv):
    print("Loading Ray, Optuna and PyTorch …", file=sys.stderr, flush=True)  # noqa: T201 - which takes seconds

from collections.abc import Sequence
from pathlib import Path

from analysis.study_records import StudyRecords, load_study
from analysis.tables import terminal_table, write_tables
from hasher.command_line import command
from hasher.console import SafeConsole, say
from study.command import parse_command
from study.drive.runner import StudyResult, run_study
from study.record.manifest import making
from study.watch.dry_run import print_plan
from study.watch.progress import validation_scores
from study.watch.status import print_status

#: What shells say of a program that Ctrl-C ended.
INTERRUPTED = 130


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 finished, 1 a budget is spent with runs left, 2 bad input, 130 stopped by Ctrl-C
    or SIGTERM."""
    try:
        asked = parse_command(arguments)
        console = SafeConsole(quiet=asked.quiet)
        if asked.action == "dry-run":
            print_plan(asked.spec, asked.origins, asked.options, console)
            return 0
        if asked.action == "status":
            print_status(asked.spec, asked.options, console)
            return 0
        result = run_study(asked.spec, asked.options, console, origins=asked.origins)
        code = conclude(result, asked.options.data_dir, console)
        if result.shared is not None:  # the tables and the report as well
            result.shared.copy_at_the_end(result.folder)
        return code
    except KeyboardInterrupt:
        say("stopped: what has ended is recorded, the same command goes on", sys.stderr)
        return INTERRUPTED


def conclude(result: StudyResult, data_dir: Path | None, console: SafeConsole) -> int:
    """Write and print the tables; draw the report of a finished study, of another say how to go on.

    Where the search of no cell has ended there is nothing but scores on validation queries to print.
    """
    study = load_study(result.folder.path, data_dir)
    with making(result.folder):
        write_tables(study)
        return _tell(study, result, console)


def _tell(study: StudyRecords, result: StudyResult, console: SafeConsole) -> int:
    if result.counts.left and not result.elsewhere:
        for scores in validation_scores(study.spec, result.finished):
            console.print(scores)
    if not result.counts.left or (study.records["kind"] == "test").any():
        for dataset in study.datasets:
            console.print(terminal_table(study, dataset))
    console.print(result.counts.in_words(), highlight=False)
    console.print(f"Records, tables and models are in {result.folder.path}", highlight=False)
    if result.counts.left:
        console.print(_left_in_words(result), highlight=False)
        if result.elsewhere:
            return 0
        return 1 if result.spent else INTERRUPTED
    from analysis.report import write_report  # matplotlib takes a second to import, and only this needs it

    console.print(f"Figures and a report: {write_report(study)}", highlight=False, soft_wrap=True)
    return 0


def _left_in_words(result: StudyResult) -> str:
    if result.elsewhere:
        return f"{result.elsewhere} runs left, of cells that other drivers have: the last one to end has all tables."
    why = f"The {result.spent} is spent. " if result.spent == "time budget" else ""
    how = "the same command goes on with them."
    if result.spent == "device-hours":
        used = result.records["device_seconds"].sum() / 3600
        why, how = f"{used:.3g} device-hours are spent. ", "a larger --max-device-hours goes on with them."
    midway = f" ({result.interrupted} stopped midway)" if result.interrupted else ""
    return f"{why}{result.counts.left} runs left{midway}: {how}"


if __name__ == "__main__":
    sys.exit(main())
