"""One data set of a study: what tables and figures have in common in looking at it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.names import in_order
from analysis.study_records import StudyRecords


@dataclass(frozen=True, eq=False)
class OneDataset:
    """The part of `study` that is about `dataset`."""

    study: StudyRecords
    dataset: str

    @property
    def filters(self) -> list[str]:
        """In the order of every table's rows."""
        return in_order(self.study.spec.filters)

    @property
    def bits(self) -> list[int]:
        """Ascending."""
        return sorted(self.study.spec.bits)
