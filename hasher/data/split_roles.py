"""What the splits of a data set are used for, by the names that they commonly have."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What becomes of a split's items: searched (and trained on), test queries, trained on only, or nothing."""

    DATABASE = "database"
    QUERIES = "queries"
    UNLABELLED = "unlabelled"
    LEFT_OUT = "none"


#: Names that splits commonly have. A validation split is searched where there is a test split, and is one where not.
TRAINING_SPLITS = ("train", "training")
TEST_SPLITS = ("test", "testing")
VALIDATION_SPLITS = ("valid", "validation", "val", "dev")
UNLABELLED_SPLITS = ("unlabeled", "unlabelled", "unsupervised")


def default_roles(names: Iterable[str]) -> dict[str, Role]:
    """The role each split has by its name; any name that is not a usual one is searched."""
    splits = {name: name.lower() for name in names}
    has_test = any(name in TEST_SPLITS for name in splits.values())
    queries = TEST_SPLITS if has_test else VALIDATION_SPLITS
    roles = dict.fromkeys(splits, Role.DATABASE)
    for split, name in splits.items():
        if name in queries:
            roles[split] = Role.QUERIES
        elif name in UNLABELLED_SPLITS:
            roles[split] = Role.UNLABELLED
    return roles
