"""One data set of a study: what tables and figures have in common in looking at it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.names import in_order
from analysis.study_records import StudyRecords
from hasher.baselines import BASELINES

#: Baselines that filters are compared with. Float diffusion asks the whole graph of the database at every query, as no
#: hash does: it is a level to look up to, which the ladder shows, and can be the best of no column.
COMPARED_BASELINES = tuple(name for name in BASELINES if name != "float_diffusion")


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
    def compared(self) -> list[str]:
        """Filters, then the baselines they are compared with."""
        return [*self.filters, *in_order(COMPARED_BASELINES)]

    @property
    def bits(self) -> list[int]:
        """Ascending."""
        return sorted(self.study.spec.bits)
