"""The data that a study was run on, found again by what needs their labels or pictures."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.study_records import StudyRecords
from hasher.data import EmbeddingSet, Split, load_dataset, make_splits
from hasher.errors import UserError
from study.work.data import StudyData


@dataclass(frozen=True)
class StudiedData:
    """A data set, and the split of it that test scores are of."""

    dataset: EmbeddingSet
    split: Split


def studied_data(study: StudyRecords, dataset: str) -> StudiedData:
    """Load a data set of `study`, which keeps nothing of it: it may be larger than all else.

    Raises `UserError` where it cannot be found, or is not the one that the records are of.
    """
    found = whole_data(study, dataset)
    return StudiedData(found.dataset, found.splits.final)


def whole_data(study: StudyRecords, dataset: str) -> StudyData:
    """The same with both of its splits, as the study's workers had it; raises as `studied_data` does."""
    wanted = next(one for one in study.spec.datasets if one.name == dataset)
    found = load_dataset(wanted.source, study.data_dir, wanted.keys)
    if set(recorded_fingerprints(study, dataset)) - {found.fingerprint}:
        raise UserError(f"{wanted.source}: not the data that was studied (its fingerprint differs)")
    return StudyData(found, make_splits(found, wanted.split_config(study.spec.split_seed)))


def recorded_fingerprints(study: StudyRecords, dataset: str) -> list[str]:
    """What the records say of the data; more than one where they do not agree, none where they do not say."""
    if "data_fingerprint" not in study.records:
        return []
    return list(study.records.loc[study.records["dataset"] == dataset, "data_fingerprint"].dropna().unique())
