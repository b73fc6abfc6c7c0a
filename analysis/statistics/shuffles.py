"""Many importances at once against shuffled scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.paired import ALPHA

#: Level of all that is said of the hyperparameters of a data set together; what is said of methods has the rest.
EFFECTS = ALPHA / 2


@dataclass(frozen=True)
class Corrected:
    """Of each importance: its p-value corrected for their number, one of its own, and the `threshold` it has to be
    above to be shown. Each (importances,)."""

    adjusted: NDArray[np.float64]
    alone: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def shown(self) -> NDArray[np.bool_]:
        return self.adjusted <= EFFECTS


def corrected(observed: NDArray[np.float64], shuffled: NDArray[np.float64]) -> Corrected:
    """The single-step maximum procedure (Westfall & Young, "Resampling-Based Multiple Testing", 1993, section 2.3).

    Args:
        observed: importances, (importances,).
        shuffled: the same of scores in another order, (shuffles, importances); 1 / EFFECTS - 1 or more.

    Importances of few values reach further by chance than others, so each is first put on its own scale of mean and
    standard deviation over all orders, the observed one among them: under "no effect at all" it is one of them. A
    p-value is the share of orders in which any importance is as large as this one. It takes the importances to depend
    on each other as they do, where Bonferroni's or Holm's correction would need thousands of shuffles.
    """
    orders = np.vstack([observed, shuffled])
    centre, scale = orders.mean(axis=0), orders.std(axis=0)
    scale = np.where(scale > 0, scale, np.inf)
    heights = (orders - centre) / scale
    largest = np.sort(heights.max(axis=1))
    adjusted = (len(orders) - np.searchsorted(largest, heights[0], side="left")) / len(orders)
    alone = (heights >= heights[0]).mean(axis=0)
    limit = largest[len(orders) - 1 - int(EFFECTS * len(orders) + 1e-9)]
    thresholds = centre + np.where(np.isfinite(scale), scale, 0.0) * limit
    return Corrected(np.asarray(adjusted, np.float64), alone, thresholds)
