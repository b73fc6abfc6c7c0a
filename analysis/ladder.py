"""The loss ladder: where mAP is lost on the way from float vectors to the codes of a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.study_records import StudyRecords
from analysis.summary import completed
from hasher.references import REFERENCES
from study.plan.tasks import NO_BITS, Cell


@dataclass(frozen=True)
class Ladder:
    """Mean `map` of the test queries on each rung; NaN where it is not known.

    Attributes:
        float_cosine: cosine of the float vectors.
        float_diffusion: heat diffusion over the graph of the database (see `hasher.diffusion`).
        real_valued: cosine of the encoder's outputs, mean over the cell's replicates.
        signs: Hamming distance of their signs, over the same replicates.
    """

    float_cosine: float
    float_diffusion: float
    real_valued: float
    signs: float

    @property
    def rungs(self) -> tuple[float, float, float, float]:
        """All four, from the float vectors down to the codes."""
        return self.float_cosine, self.float_diffusion, self.real_valued, self.signs

    @property
    def steps(self) -> tuple[float, float, float]:
        """Each rung less the one before: what the graph, the encoder and the signs add, or cost where it is negative.

        They add up to what codes have over the float cosine.
        """
        graph, encoder, signs = np.diff(self.rungs).tolist()
        return graph, encoder, signs


def ladder(study: StudyRecords, cell: Cell) -> Ladder:
    """The ladder of a cell.

    It is one of `map` whatever the study's objective is, for that alone is known on every rung. A cell of which some
    replicate has no real-valued score has none: a mean over others could not be compared.
    """
    replicates = completed(study, cell)
    float_cosine, float_diffusion = (
        float(completed(study, Cell(cell.dataset, name, NO_BITS))["map"].mean()) for name in REFERENCES
    )
    real_valued = float(replicates["map_real_valued"].mean(skipna=False))
    return Ladder(float_cosine, float_diffusion, real_valued, float(replicates["map"].mean()))
