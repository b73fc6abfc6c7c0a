"""The tuning curves that a reader can point at: how good the best of k random trials is expected to be."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.interactive.rounding import rounded
from analysis.names import label
from analysis.results import DatasetResults
from analysis.tuning import BAND, RIVAL, TuningCurve, tuning_curves
from analysis.validation_level import validation_levels

#: Numbers of trials that a curve keeps at most, evenly spread on a logarithmic axis.
MOST_POINTS = 24


def expected_best(results: DatasetResults) -> dict[str, Any] | None:
    """A panel a code length; None where the study's trials are no sample of independent ones, or too few.

    A curve has its method's place in the main table, numbers of trials, and for each of these the expected best and
    the ends of the band in which searches end.
    """
    found = tuning_curves(results)
    if not found:
        return None
    levels = validation_levels(results, RIVAL)
    return {
        "title": f"best validation {results.metric}",
        "band": f"{BAND[1] - BAND[0]:.0%} of searches",
        "rival": label(RIVAL),
        "panels": [
            {
                "bits": bits,
                "level": rounded(levels[bits]) if bits in levels else None,
                "curves": [[results.compared.index(name), *_kept(curve)] for name, curve in curves.items()],
            }
            for bits, curves in found.items()
        ],
    }


def _kept(curve: TuningCurve) -> list[list[Any]]:
    """Numbers of trials, what their best is expected to be, and the two ends of the band."""
    trials = np.unique(np.geomspace(1, len(curve.expected), MOST_POINTS).round().astype(int))
    values = ([rounded(float(value)) for value in one[trials - 1]] for one in (curve.expected, curve.low, curve.high))
    return [trials.tolist(), *values]
