"""Executes the notebooks on a study."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from analysis.notebooks import FOLDER, VARIABLE
from hasher.errors import UserError
from hasher.files import write_atomically

#: Seconds that one cell may take.
CELL_TIMEOUT = 600


def notebooks() -> list[Path]:
    """The notebooks of this package, by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def execute(notebook: Path, folder: Path, target: Path) -> None:
    """Run `notebook` on the study in `folder`, from top to bottom in a fresh kernel, and write it with its outputs.

    Raises `UserError` where a cell fails; `target` is then left as it was.
    """
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER.parents[1])}},
        config=Config({"ConnectionFileMixin": {"transport": "ipc"}}),  # no port that others could connect to
    )
    quiet = "ignore:IProgress not found"  # a progress bar that nothing here shows
    try:
        client.execute(env={**os.environ, VARIABLE: str(folder.resolve()), "PYTHONWARNINGS": quiet})
    except CellExecutionError as error:
        raise UserError(f"{notebook}: a cell failed: {error.ename}: {error.evalue}") from None
    write_atomically(target, nbformat.writes(content) + "\n")
