"""``python -m analysis.notebooks STUDY``: execute every notebook on a study and save it with its outputs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.notebooks.execution import execute, notebooks
from analysis.study_records import load_study
from hasher.command_line import command
from hasher.console import say


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 after one line that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.notebooks",
        description="Execute the notebooks on a study and save them with their outputs.",
    )
    parser.add_argument(
        "study", type=Path, nargs="?", metavar="STUDY", default=Path("runs/digits"), help="default: runs/digits"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="save them there (default: where they are)")
    given = parser.parse_args(arguments)
    load_study(given.study)  # a wrong directory is better said here than by a traceback of a kernel
    for notebook in notebooks():
        target = notebook if given.out is None else given.out / notebook.name
        execute(notebook, given.study, target)
        say(str(target))
    return 0


if __name__ == "__main__":
    sys.exit(main())
