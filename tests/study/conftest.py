"""Small studies for the tests of the study package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.local_cluster import LocalCluster
from study.drive.runner import StudyResult, run_study
from study.options import RunOptions
from study.plan.spec import StudySpec
from study.record.study_folder import StudyFolder
from study.work.trainable import HasherTrainable
from tests.study.databases import postgresql, url
from tests.study.here import runs_here

__all__ = ["postgresql", "url"]

#: Three methods of three kinds (none, without order, with order), one length, seconds to run.
TINY: dict[str, Any] = {
    "name": "tiny",
    "datasets": ["blobs"],
    "methods": ["none", "gcn", "chebyshev"],
    "bits": [8],
    "trials": 4,
    "replicates": 2,
    "epochs": 4,
    "report_every": 2,
    "sampler": {"name": "tpe", "startup_trials": 2},
    "pruner": {"name": "median", "startup_trials": 1, "warmup_epochs": 1},
    "fixed": {"batch_size": 64, "ae_width": 16},
    "space": {
        "filter_order": {"type": "int", "low": 1, "high": 3, "methods": ["chebyshev"]},
        "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
        "knn_size": {"type": "int", "low": 3, "high": 9},
    },
}


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding file of 240 points around four centres in 12 dimensions."""
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    rng = np.random.default_rng(7)
    labels = np.arange(240) % 4
    features = rng.normal(size=(4, 12))[labels] * 2 + rng.normal(size=(240, 12))
    np.savez(path, features=features.astype(np.float32), labels=labels)
    return path


@pytest.fixture
def tiny(blobs: Path) -> StudySpec:
    """The tiny study on the blobs."""
    return StudySpec.model_validate({**TINY, "datasets": [str(blobs)]})


def run_tiny(
    spec: StudySpec, runs_dir: Path, trainable: type[HasherTrainable] = HasherTrainable, **options: Any
) -> StudyResult:
    """Run a study, on a Ray of its own where no `address` is given."""
    return run_study(spec, RunOptions(runs_dir=runs_dir, **options), Console(quiet=True), trainable)


@pytest.fixture(scope="session")
def finished(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """The tiny study, run once for all tests that only look at its results, or compare theirs: without Ray."""
    spec = StudySpec.model_validate({**TINY, "datasets": [str(blobs)]})
    with runs_here():
        return run_tiny(spec, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a cluster for studies that need none of their own: joining takes half as long as starting one."""
    with closing(LocalCluster(num_cpus=2)) as started:  # one node: a second one costs as much again, idle as well
        yield started.address


@pytest.fixture
def study_folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "tiny")
