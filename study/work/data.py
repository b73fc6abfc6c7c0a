"""The data sets of a study with their splits, as workers see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hasher.data import EmbeddingSet, Splits, check_leaks, load_dataset, make_splits, warn_of_oddities
from study.plan.spec import StudySpec
from study.work.sizes import check_sizes


@dataclass(frozen=True)
class StudyData:
    """A data set and its splits, as every worker sees it through the object store."""

    dataset: EmbeddingSet
    splits: Splits


def load_data(spec: StudySpec, data_dir: Path | None) -> dict[str, StudyData]:
    """Every data set of a study with its splits, by name. Raises `UserError` for data that cannot be used, or of which
    the study's models would not fit into memory."""
    loaded = {}
    for wanted in spec.datasets:
        dataset = load_dataset(wanted.source, data_dir, wanted.keys)
        splits = make_splits(dataset, wanted.split_config(spec.split_seed))
        check_leaks(dataset, splits.final)
        check_sizes(spec, dataset.width)
        warn_of_oddities(dataset, splits.final)
        loaded[wanted.name] = StudyData(dataset, splits)
    return loaded
