"""Small studies in which something is missing, each made once a test session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.plan.finished import State
from study.plan.tasks import Task
from tests.analysis.synthetic import Ending, make_spec, mostly_complete, write_study

SPACE = {
    "filter_order": [{"type": "int", "low": 1, "high": 8, "methods": ["chebyshev"]}],
    "knn_size": {"type": "int", "low": 4, "high": 24, "log": True, "methods": ["gcn", "chebyshev"]},
    "learning_rate": {"type": "float", "low": 0.0005, "high": 0.01, "log": True},
}


def _study(runs: Path, name: str, ending: Ending = mostly_complete, **changes: Any) -> Path:
    small = {"methods": ["gcn", "chebyshev"], "bits": [16, 32], "trials": 4, "replicates": 2, "epochs": 6}
    return write_study(runs, make_spec(**{"name": name, "space": SPACE, **small, **changes}), ending=ending)


def smallest(runs: Path) -> Path:
    """One method, one code length, one trial, one replicate."""
    return _study(runs, "smallest", methods=["gcn"], bits=[8], trials=1, replicates=1, space={})


def holes(runs: Path) -> Path:
    """A cell whose trials all diverged, one that was never searched, one that was never tested, and no baselines."""

    def ending(task: Task) -> State | None:
        cell = task.cell.method, task.cell.bits
        unsearched = task.cell.method not in ("gcn", "chebyshev")
        if unsearched or cell == ("gcn", 32) or (cell == ("chebyshev", 16) and task.kind != "search"):
            return None
        return "diverged" if cell == ("gcn", 16) else "complete"

    return _study(runs, "holes", ending)


def not_begun(runs: Path) -> Path:
    """A study that was stopped before its first run ended."""
    return _study(runs, "not_begun", lambda task: None)


def bare(runs: Path) -> Path:
    """Records and nothing else: no curves, no evaluations, no journal; the data are not pictures."""
    path = _study(runs, "bare", datasets=["vectors.npz"])
    for file in [path / "curves.csv", *path.glob("evaluations/*/*.npz")]:
        file.unlink()
    return path


def two_data_sets(runs: Path) -> Path:
    """Two data sets, one of which the paper has numbers of."""
    data, methods = ["digits", "stl10.npz"], ["none", "chebyshev", "spline"]
    return _study(runs, "two_data_sets", methods=methods, datasets=data, trials=12, space=make_spec().space)


STUDIES: dict[str, Callable[[Path], Path]] = {
    make.__name__: make for make in (smallest, holes, not_begun, bare, two_data_sets)
}
