"""Items that move together when a split is drawn, and the order in which they are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Units:
    """Groups of items, each item without a group being a unit of its own.

    Attributes:
        unit_of_item: int64 (items,).
        classes: int64 (units,), the class most of a unit's labelled items belong to (the smallest such class on a tie);
            -1 where none is labelled.
        pair_units, pair_classes, pair_counts: for each class a unit has labelled items of: that unit, that class, and
            the number of items, ordered by unit.
    """

    unit_of_item: NDArray[np.int64]
    classes: NDArray[np.int64]
    pair_units: NDArray[np.int64]
    pair_classes: NDArray[np.int64]
    pair_counts: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[np.int64], groups: NDArray[np.int64] | None) -> "Units":
        """The units of items with these `labels` and `groups` (-1: no label, no group), both (items,)."""
        keys = np.arange(len(labels))
        if groups is not None:
            # an item alone takes a key below every group's, so that no two are alike
            keys = np.where(groups < 0, -1 - keys, groups)
        unit_of_item = np.unique(keys, return_inverse=True)[1]
        labelled = labels >= 0
        pairs, counts = np.unique(np.stack([unit_of_item[labelled], labels[labelled]]), axis=1, return_counts=True)
        units, classes = pairs
        majority = np.full(unit_of_item.max(initial=-1) + 1, -1, dtype=np.int64)
        by_count = np.lexsort((-classes, counts))  # ascending, so that the last assignment to a unit is its majority
        majority[units[by_count]] = classes[by_count]
        return cls(unit_of_item, majority, units, classes, counts)

    def take_leaving_every_class(self, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As many units as can be taken, in `order`, so that each of their classes keeps a labelled item outside.

        Units without a labelled item are passed over. Returns the units taken and the labelled items in all units
        taken so far, after each: int64 (taken,), ascending.
        """
        starts = np.searchsorted(self.pair_units, np.arange(len(self.classes) + 1)).tolist()
        classes, counts = self.pair_classes.tolist(), self.pair_counts.tolist()
        left = np.bincount(self.pair_classes, weights=self.pair_counts).astype(int).tolist()
        taken, items_so_far, items = [], [], 0
        for unit in order.tolist():
            pairs = range(starts[unit], starts[unit + 1])
            if not pairs or any(left[classes[pair]] <= counts[pair] for pair in pairs):
                continue
            for pair in pairs:
                left[classes[pair]] -= counts[pair]
                items += counts[pair]
            taken.append(unit)
            items_so_far.append(items)
        return np.array(taken, dtype=np.int64), np.array(items_so_far, dtype=np.int64)


def stratified_order(strata: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order whose every beginning holds each stratum in proportion to its size.

    A member with random rank r in a stratum of size m, 0 <= r < m, is placed at (r + u) / m with one random 0 <= u < 1
    a stratum (systematic sampling; Cochran 1977, chapter 8), so every member's place is uniform on [0, 1). Among the
    first t, strata of equal size differ by at most one, and one of size m has t m / n, give or take 1 + C m / n, of C
    strata in n members. A fixed u = 1/2 would put every large stratum before every small one.

    Args:
        strata: int64 (n,), the stratum of each member.

    Returns:
        int64 (n,), a permutation of 0 … n - 1.
    """
    shuffled = rng.permutation(len(strata))
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    _, starts, sizes = np.unique(strata[by_stratum], return_index=True, return_counts=True)
    ranks = np.arange(len(strata)) - np.repeat(starts, sizes)
    positions = (ranks + np.repeat(rng.random(len(sizes)), sizes)) / np.repeat(sizes, sizes)
    return by_stratum[np.argsort(positions, kind="stable")]
