"""A study that was run in parts: what they make together is what it would have been, and what disagrees is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.command import main as analyse
from analysis.study_records import load_study
from analysis.verify import verify
from hasher.errors import UserError
from study.drive.runner import StudyResult
from study.plan.spec import StudySpec
from study.record.joining import join
from study.record.manifest import read_manifest
from study.record.sampling import open_storage
from study.record.stored import stored_trials
from study.record.study_folder import StudyFolder
from tests.study.conftest import run_tiny
from tests.study.here import runs_here

#: What may differ between a part's records and those of the whole.
WHEN = ["started", "seconds", "device_seconds", "optuna_study", "optuna_trial"]


def part(spec: StudySpec, where: Path, **changes: Any) -> Path:
    with runs_here():
        return run_tiny(StudySpec.model_validate(spec.model_dump() | changes), where).folder.path


@pytest.fixture(scope="session")
def parts(finished: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The finished study once more, by three drivers: a method each."""
    spec, where = finished.folder.read_spec(), tmp_path_factory.mktemp("parts")
    assert spec is not None
    return [part(spec, where, name=name, methods=[name]) for name in spec.methods]


def test_parts_make_the_undivided_study(
    finished: StudyResult, parts: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name = "all-of-it"
    assert analyse(["join", *map(str, parts), "--name", name]) == 0
    said = capsys.readouterr().out
    assert "25 runs, 14 of them in more than one of the studies" in said and "differs" not in said
    joined, whole = load_study(parts[0].parent / name), load_study(finished.folder.path)
    pd.testing.assert_frame_equal(joined.records.drop(columns=WHEN), whole.records.drop(columns=WHEN), check_exact=True)
    ours, theirs = (study.curves.drop(columns="seconds", errors="ignore") for study in (joined, whole))
    pd.testing.assert_frame_equal(ours, theirs)
    manifest = read_manifest(joined.folder)
    assert manifest is not None and {"report.html", "journal.log", "models/blobs/gcn-8.safetensors"} <= set(
        manifest.digests
    )
    assert not verify(joined) and (joined.folder.path / "report.html").exists()
    assert analyse(["explain", str(joined.folder.path), "blobs", "gcn", "8"]) == 0
    assert not [path for path in joined.folder.path.parent.iterdir() if path.name.startswith(".")]
    with runs_here():
        again = run_tiny(joined.spec, joined.folder.path.parent)
    assert again.counts.left == 0  # and so it would go on, where something was missing


def test_what_none_has_is_missing_and_is_run_by_the_joined_study(parts: list[Path], tmp_path: Path) -> None:
    joined = join(parts[:2], tmp_path / "two")
    assert (joined.missing, joined.doubles) == (0, 7)
    spec = StudyFolder(tmp_path / "two").read_spec()
    assert spec is not None and spec.methods == ["none", "gcn"]


def test_doubles_that_differ_are_named_and_the_first_is_taken(parts: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in parts[1].rglob("*"):
        target = other / path.relative_to(parts[1])
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
    storage = open_storage(str(other / "journal.log"))
    spec = StudyFolder(other).read_spec()
    assert spec is not None
    trial = next(t for t in stored_trials(spec, storage) if t.user_attrs["task"]["method"] == "itq")
    kept, journal = f'"map":{trial.user_attrs["outcome"]["map"]!r}', other / "journal.log"
    assert kept in journal.read_text()
    journal.write_text(journal.read_text().replace(kept, '"map":0.125'))
    joined = join([parts[0], other], tmp_path / "both")
    (line,) = joined.contradictions
    assert "of blobs/itq/8: map is 0." in line and "0.125 in" in line and joined.doubles == 7
    records = load_study(tmp_path / "both").records
    assert 0.125 not in set(records[records.method == "itq"]["map"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"epochs": 3}, "epochs: 4 → 3"), ({"seed": 1}, "seed: 0 → 1"),
     ({"baselines": ["lsh", "gcn"]}, "searched in another")],
)  # fmt: skip
def test_what_is_no_part_is_refused_and_leaves_nothing(
    parts: list[Path], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    spec = StudyFolder(parts[0]).read_spec()
    assert spec is not None
    folder = StudyFolder(tmp_path / "other")
    folder.path.mkdir()
    folder.freeze(StudySpec.model_validate(spec.model_dump() | {"name": "other"} | changes), None)
    open_storage(str(folder.journal))
    with pytest.raises(UserError, match="no part of one study") as raised:
        join([parts[1], folder.path], tmp_path / "both")
    assert says in str(raised.value) and {path.name for path in tmp_path.iterdir()} == {"other"}


def test_data_may_lie_elsewhere(parts: list[Path], tmp_path: Path) -> None:
    spec = StudyFolder(parts[0]).read_spec()
    assert spec is not None
    (tmp_path / "blobs.npz").write_bytes(Path(spec.datasets[0].source).read_bytes())
    other = part(spec, tmp_path, name="other", methods=["spline"], datasets=[str(tmp_path / "blobs.npz")])
    joined = join([parts[0], other], tmp_path / "both")
    found = joined.folder.read_spec()
    assert found is not None and found.datasets == spec.datasets and not joined.contradictions


def test_the_same_name_for_other_data_is_refused(parts: list[Path], tmp_path: Path) -> None:
    spec = StudyFolder(parts[0]).read_spec()
    assert spec is not None
    with np.load(spec.datasets[0].source) as arrays:
        np.savez(tmp_path / "blobs.npz", features=arrays["features"] + 1, labels=arrays["labels"])
    other = part(spec, tmp_path, name="other", datasets=[str(tmp_path / "blobs.npz")])
    with pytest.raises(UserError, match="blobs has other contents there"):
        join([parts[1], other], tmp_path / "both")
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize("what", ["nothing", "taken", "elsewhere"])
def test_wrong_places_are_one_line(parts: list[Path], tmp_path: Path, what: str) -> None:
    paths, target = [parts[0], tmp_path / "nowhere"], tmp_path / "both"
    if what == "taken":
        paths, target = parts[:2], parts[2]
    elif what == "elsewhere":
        folder, spec = StudyFolder(tmp_path / "none"), StudyFolder(parts[0]).read_spec()
        assert spec is not None
        folder.path.mkdir()
        folder.freeze(spec, "sqlite:///somewhere.db")
        paths = [parts[1], folder.path]
    with pytest.raises(UserError) as raised:
        join(paths, target)
    assert "\n" not in str(raised.value) and not (tmp_path / "both").exists()
