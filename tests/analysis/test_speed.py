"""The speed of winners: every model there is, timed beside each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis import speed
from analysis.speed import speed_table
from analysis.study_records import load_study
from hasher.errors import UserError
from study.drive.runner import StudyResult
from tests.study import conftest

blobs, finished = conftest.blobs, conftest.finished


def test_every_winner_is_timed_beside_the_others(
    finished: StudyResult, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "ITEMS", 500)
    study = load_study(finished.folder.path, blobs.parent)
    table = speed_table(study, "blobs")
    rows = {row[0].in_csv: [entry.in_csv for entry in row] for row in table.rows}
    models = {path.stem.removesuffix("-8"): path.stat().st_size for path in finished.folder.path.rglob("*.safetensors")}
    assert rows.keys() == models.keys() and len(rows) > 3
    assert {name: int(row[5]) for name, row in rows.items()} == {name: round(n / 1000) for name, n in models.items()}
    ratios, items = [float(row[3]) for row in rows.values()], [float(row[2]) for row in rows.values()]
    assert min(ratios) == 1 and max(items) / min(items) == pytest.approx(max(ratios), rel=0.01)
    assert all(float(row[4]) > 0 for row in rows.values())


def test_without_models_nothing_is_timed(finished: StudyResult, blobs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished.folder.path, tmp_path / "copy")
    shutil.rmtree(copy / "models")
    with pytest.raises(UserError, match="no models of blobs"):
        speed_table(load_study(copy, blobs.parent), "blobs")
