"""The speed of winners: every model there is, timed beside each other, and kept as of one machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis import speed
from analysis.command import main
from analysis.kept_speed import keep_speeds, kept_speeds
from analysis.speed import measure
from analysis.study_records import StudyRecords, load_study
from analysis.tables import render_tables
from analysis.tables.speed import speed_table
from analysis.verify import verify
from hasher.errors import UserError
from study.drive.runner import StudyResult
from tests.study import conftest

blobs, finished = conftest.blobs, conftest.finished


@pytest.fixture
def copy(finished: StudyResult, blobs: Path, tmp_path: Path) -> StudyRecords:
    return load_study(shutil.copytree(finished.folder.path, tmp_path / "copy"), blobs.parent)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "ITEMS", 500)


@pytest.mark.usefixtures("quick")
def test_every_winner_is_timed_beside_the_others(finished: StudyResult, blobs: Path) -> None:
    study = load_study(finished.folder.path, blobs.parent)
    table = speed_table(measure(study), "blobs")
    rows = {row[0].in_csv: [entry.in_csv for entry in row] for row in table.rows}
    models = {path.stem.removesuffix("-8"): path.stat().st_size for path in finished.folder.path.rglob("*.safetensors")}
    assert rows.keys() == models.keys() and len(rows) > 3
    assert {name: int(row[5]) for name, row in rows.items()} == {name: round(n / 1000) for name, n in models.items()}
    ratios, items = [float(row[3]) for row in rows.values()], [float(row[2]) for row in rows.values()]
    assert min(ratios) == 1 and max(items) / min(items) == pytest.approx(max(ratios), rel=0.01)
    assert all(float(row[4]) > 0 for row in rows.values())


@pytest.mark.usefixtures("quick")
def test_what_is_kept_is_in_tables_and_report_and_vouched_for(copy: StudyRecords) -> None:
    assert "blobs-speed.csv" not in {path.name for path in render_tables(copy)}
    asked = ["speed", str(copy.folder.path), "--data-dir", str(copy.data_dir)]
    assert main(asked) == 0 and not copy.folder.speed.exists()
    assert main([*asked, "--keep"]) == 0
    again = load_study(copy.folder.path, copy.data_dir)
    kept = kept_speeds(again)
    assert kept is not None and kept.winners and verify(again) == []
    table = (again.folder.tables / "blobs-speed.md").read_text(encoding="utf-8")
    assert f"on {kept.host}" in table and f", {kept.threads} thread" in table
    assert "how fast the winners encode" in again.folder.report.read_text(encoding="utf-8")
    again.folder.speed.write_text(again.folder.speed.read_text().replace("threads:", "threads: 1"))
    assert "speed.yaml: not what it was when manifest.sha256 was written" in verify(again)


@pytest.mark.usefixtures("quick")
def test_a_winner_that_is_another_since_is_left_out(copy: StudyRecords) -> None:
    before = measure(copy)
    keep_speeds(copy, before)
    models = [copy.folder.model(one.cell) for one in before.winners]
    models[0].unlink()
    shutil.copy(models[2], models[1])
    left = kept_speeds(load_study(copy.folder.path))
    assert left is not None and left.winners == before.winners[2:]


@pytest.mark.parametrize("text", ["when: 1", "[", "winners: []\nextra: 1"])
def test_a_damaged_file_is_named_in_one_line(copy: StudyRecords, text: str) -> None:
    copy.folder.speed.write_text(text)
    with pytest.raises(UserError, match=r"speed\.yaml: .+") as raised:
        kept_speeds(copy)
    assert "\n" not in str(raised.value)


def test_without_models_nothing_is_timed(copy: StudyRecords) -> None:
    shutil.rmtree(copy.folder.path / "models")
    with pytest.raises(UserError, match="no models of blobs"):
        measure(copy)
