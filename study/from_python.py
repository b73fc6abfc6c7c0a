"""A study run from Python: what `run_study.py` does, without its tables, in a script or a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hasher.console import SafeConsole
from hasher.errors import UserError, first_error
from study.drive.runner import StudyResult, run_study
from study.options import RunOptions
from study.plan.space_file import SHIPPED, read_study
from study.plan.spec import StudySpec


def run(
    spec: StudySpec | str | Path | Mapping[str, Any], options: RunOptions | None = None, **changes: Any
) -> StudyResult:
    """Run a study, or what is left of it; `StudyResult.folder.path` is where `analysis.open_study` finds it.

    Args:
        spec: a search space: its file, one of those that come with the project by its name (``digits``), the same keys
            as a mapping, or a `StudySpec`.
        options: how it is run: directories, cluster, what a trial reserves, budgets. It changes no result.
        changes: keys in place of the search space's: ``trials=4, bits=[32]``.

    Raises:
        UserError: what `run_study.py` says in a line.
    """
    return run_study(_planned(spec, changes), options or RunOptions(data_dir=Path("data")), SafeConsole(quiet=True))


def _planned(spec: StudySpec | str | Path | Mapping[str, Any], changes: Mapping[str, Any]) -> StudySpec:
    if isinstance(spec, str | Path):
        shipped = SHIPPED / f"{spec}.yaml"
        return read_study(shipped if shipped.exists() else Path(spec), changes).spec
    values = spec.model_dump() if isinstance(spec, StudySpec) else spec
    try:
        return StudySpec.model_validate({**values, **changes})
    except ValidationError as error:
        raise UserError(f"study: {first_error(error)}") from None
