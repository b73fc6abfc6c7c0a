"""Three notebooks to ask a study further; `python -m analysis.notebooks STUDY` executes and saves them.

Each takes a question that its reader changes. What they call is the Python interface of `analysis`.
"""

from __future__ import annotations

import os
from pathlib import Path

import analysis
from analysis.opened_study import OpenedStudy

FOLDER = Path(__file__).parent
#: Names the folder of a study in place of a notebook's parameter.
VARIABLE = "HAGCN_STUDY"


def open_study(folder: str) -> OpenedStudy:
    """The study in the folder that ``HAGCN_STUDY`` names, otherwise in `folder`.

    A relative path is looked for in the working directory and then beside the packages, so that a notebook finds
    ``runs/digits`` wherever it was opened.
    """
    path = Path(os.environ.get(VARIABLE) or folder)
    beside = FOLDER.parents[1] / path
    return analysis.open_study(path if path.is_dir() or not beside.is_dir() else beside)
