"""Which classes the test queries of a study are of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.data import studied_data
from analysis.study_records import StudyRecords
from hasher.errors import UserError
from hasher.labels import item_classes


@dataclass(frozen=True, eq=False)
class QueryClasses:
    """`names` of the classes, and `members`, bool (items of the data set, classes)."""

    names: tuple[str, ...]
    members: NDArray[np.bool_]

    def of(self, item: int) -> str:
        """The classes of an item, ``3`` or ``sea, sky``."""
        return ", ".join(self.names[place] for place in np.flatnonzero(self.members[item]))


def query_classes(study: StudyRecords, dataset: str) -> QueryClasses | str:
    """The classes, or why they are not known: the data set has to be found and be the one studied."""
    try:
        data = studied_data(study, dataset).dataset
    except UserError as error:
        return str(error)
    rows, classes = item_classes(data.labels)
    members = np.zeros((len(data.labels), len(data.class_names)), bool)
    members[rows, classes] = True
    return QueryClasses(tuple(data.class_names), members)
