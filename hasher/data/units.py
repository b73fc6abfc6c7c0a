"""Items that move together when a split is drawn, and the order in which they are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hasher.labels import Labels, is_labelled, item_classes


@dataclass(frozen=True, eq=False)
class Units:
    """Groups of items, each item without a group being a unit of its own.

    Attributes:
        unit_of_item: int64 (items,).
        strata: int64 (units,), the class most of a unit's labelled items belong to (the smallest such class on a tie)
            or, of several labels an item, the rarest that any of them has; -1 where none is labelled.
        labelled: int64 (units,), labelled items of each.
        pair_units, pair_classes, pair_counts: for each class a unit has labelled items of: that unit, that class, and
            the number of items, ordered by unit.
    """

    unit_of_item: NDArray[np.int64]
    strata: NDArray[np.int64]
    labelled: NDArray[np.int64]
    pair_units: NDArray[np.int64]
    pair_classes: NDArray[np.int64]
    pair_counts: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Labels, groups: NDArray[np.int64] | None) -> "Units":
        """The units of items with these `labels` and `groups` (-1: no group)."""
        keys = np.arange(len(labels))
        if groups is not None:
            # an item alone takes a key below every group's, so that no two are alike
            keys = np.where(groups < 0, -1 - keys, groups)
        unit_of_item = np.unique(keys, return_inverse=True)[1]
        rows, classes = item_classes(labels)
        pairs, counts = np.unique(np.stack([unit_of_item[rows], classes]), axis=1, return_counts=True)
        units, classes = pairs
        importance = counts if labels.ndim == 1 else -np.bincount(classes, counts)[classes]
        count = unit_of_item.max(initial=-1) + 1
        strata = np.full(count, -1, dtype=np.int64)
        ascending = np.lexsort((-classes, importance))  # so that the last assignment to a unit is the most important
        strata[units[ascending]] = classes[ascending]
        labelled = np.bincount(unit_of_item[is_labelled(labels)], minlength=count)
        return cls(unit_of_item, strata, labelled, units, classes, counts)

    def take_leaving_every_class(self, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As many units as can be taken, in `order`, so that each of their classes keeps an item outside.

        Units without a labelled item are passed over. Returns the units taken and the labelled items in all units
        taken so far, after each: int64 (taken,), ascending.
        """
        starts = np.searchsorted(self.pair_units, np.arange(len(self.strata) + 1)).tolist()
        classes, counts, labelled = self.pair_classes.tolist(), self.pair_counts.tolist(), self.labelled.tolist()
        left = np.bincount(self.pair_classes, weights=self.pair_counts).astype(int).tolist()
        taken, items_so_far, items = [], [], 0
        for unit in order.tolist():
            pairs = range(starts[unit], starts[unit + 1])
            if not pairs or any(left[classes[pair]] <= counts[pair] for pair in pairs):
                continue
            for pair in pairs:
                left[classes[pair]] -= counts[pair]
            items += labelled[unit]
            taken.append(unit)
            items_so_far.append(items)
        return np.array(taken, dtype=np.int64), np.array(items_so_far, dtype=np.int64)


def rarest_first(labels: Labels) -> NDArray[np.int64]:
    """The stratum of every item, -1 without a label: its class, or the rarest of several, the smallest on a tie.

    What is rare is what a random draw may miss, and frequent labels keep about their shares whatever is drawn: the
    order in which iterative stratification (Sechidis et al. 2011) looks at labels, without its second look.
    """
    return labels if labels.ndim == 1 else Units.of(labels, None).strata


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
