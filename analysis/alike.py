"""Studies that may be looked at together, since they differ in nothing but what they are to be compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.study_records import StudyRecords
from hasher.errors import UserError
from study.plan.spec import differences


def refuse_differences(studies: Sequence[StudyRecords], allowed: Mapping[str, Any], what: str) -> None:
    """Raise `UserError` where a study differs from the first in more than `what`: `allowed` has its keys, each with a
    value that stands for any."""
    first, *others = studies
    for study in others:
        changed = differences(*(one.spec.model_copy(update=dict(allowed)) for one in (first, study)))
        if changed:
            raise UserError(
                f"{study.folder.path}: differs from {first.folder.path} in more than {what}:\n  " + "\n  ".join(changed)
            )
