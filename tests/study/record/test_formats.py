"""Studies of another version: refused in one line that says which version reads them, and left as they are."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

import run_study
from analysis.command import main as analyse
from hasher.errors import UserError
from study.drive.runner import StudyResult
from study.plan.space_file import read_spec
from study.plan.spec import FORMAT, LATER_DATASET_KEYS, StudySpec
from study.record.ledger import Ledger
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from study.watch.cost import recorded_times
from study.work.data import load_data
from tests.study.conftest import TINY

OLD = (
    "{path}: a study of hagcn-study 0.1 (before the ranking loss), which only that version reads: choose another "
    "--name, or check out version 0.1.0 (commit 2518bd1 or earlier)"
)
OF_0_2 = (
    "{path}: a study of hagcn-study 0.2 (when a baseline was no method), which only that version reads: choose another "
    "--name, or check out version 0.2.0 (commit 7d770be or earlier)"
)
LATER = (
    "{path}: a study of a later version of hagcn-study (format 9, this one reads 3): choose another --name, or check "
    "out the version that made it"
)


def reformat(folder: StudyFolder, found: object) -> None:
    """Say of a frozen study that it is of another format; None: nothing, as version 0.1 did."""
    values = yaml.safe_load(folder.spec.read_text())
    assert values.pop("format") == FORMAT
    folder.spec.write_text(yaml.safe_dump(values if found is None else {"format": found, **values}, sort_keys=False))


@pytest.fixture
def frozen(tiny: StudySpec, study_folder: StudyFolder) -> StudyFolder:
    study_folder.path.mkdir()
    study_folder.freeze(tiny, None)
    return study_folder


def contents(folder: StudyFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def test_a_frozen_study_says_its_format_first(frozen: StudyFolder) -> None:
    assert frozen.spec.read_text().splitlines()[0] == f"format: {FORMAT}" == "format: 3"


@pytest.mark.parametrize(("found", "says"), [(None, OLD), (1, OLD), (2, OF_0_2), (9, LATER)])
def test_another_format_is_one_line(frozen: StudyFolder, tiny: StudySpec, found: object, says: str) -> None:
    reformat(frozen, found)
    for look in (frozen.read_spec, lambda: frozen.check(tiny, None), lambda: frozen.freeze(tiny, None)):
        with pytest.raises(UserError) as raised:
            look()
        assert str(raised.value) == says.format(path=frozen.path)


@pytest.mark.parametrize(("found", "says"), [("two", "format: "), ([2], "format: "), (None, "expected a mapping")])
def test_a_damaged_one_is_not_taken_for_an_old_one(frozen: StudyFolder, found: object, says: str) -> None:
    if found is None:
        frozen.spec.write_text("")
    else:
        reformat(frozen, found)
    with pytest.raises(UserError, match=says) as raised:
        frozen.read_spec()
    assert str(raised.value).startswith(f"{frozen.spec}: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize("way", ["directory", "frozen file", "file of the same name", "another name"])
@pytest.mark.parametrize("action", [[], ["--dry-run"], ["--status"]])
def test_run_study_refuses_an_old_one_and_leaves_it_alone(
    frozen: StudyFolder, tmp_path: Path, way: str, action: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "tiny.yaml"
    space.write_text(frozen.spec.read_text())
    reformat(frozen, None)
    before = contents(frozen)
    given = {
        "directory": [str(frozen.path)], "frozen file": [str(frozen.spec)], "file of the same name": [str(space)],
        "another name": [str(frozen.spec), "--name", "again"],
    }[way]  # fmt: skip
    assert run_study.main([*given, "--runs-dir", str(tmp_path), *action]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {OLD.format(path=frozen.path)}\n" and captured.out == ""
    assert contents(frozen) == before and not (tmp_path / "again").exists()


def test_a_search_space_of_version_0_1_is_still_one(frozen: StudyFolder, tmp_path: Path) -> None:
    """What a file of ranges says is the same; only a study that has begun is another one."""
    reformat(frozen, None)
    elsewhere = tmp_path / "ranges" / "study.yaml"
    elsewhere.parent.mkdir()
    shutil.copy(frozen.spec, elsewhere)
    assert read_spec(elsewhere).format == FORMAT


@pytest.mark.parametrize("found", [1, 2, 4])
def test_a_search_space_may_name_this_format_only(tmp_path: Path, found: int) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(yaml.safe_dump({**TINY, "format": found}))
    with pytest.raises(UserError, match=f"format: this version reads format {FORMAT}, not {found}"):
        read_spec(path)
    path.write_text(yaml.safe_dump({**TINY, "format": FORMAT}))
    assert read_spec(path).name == TINY["name"]


@pytest.mark.parametrize("command", [[], ["verify"], ["explain"], ["compare"]])
def test_analysis_refuses_an_old_one(
    frozen: StudyFolder, tiny: StudySpec, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    frozen.records.write_text("")
    more = {"explain": ["blobs", "gcn", "8"], "compare": [str(frozen.path)]}.get(" ".join(command), [])
    reformat(frozen, None)
    before = contents(frozen)
    assert analyse([*command, str(frozen.path), *more]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {OLD.format(path=frozen.path)}\n" and captured.out == ""
    assert contents(frozen) == before


def test_old_runs_tell_no_cost(finished: StudyResult, tiny: StudySpec, tmp_path: Path) -> None:
    shutil.copytree(finished.folder.path, tmp_path / "old")
    spec, data = tiny.model_copy(update={"name": "next"}), load_data(tiny, None)
    assert len(list(recorded_times(spec, data, tmp_path, threads=1))) == 1
    reformat(StudyFolder(tmp_path / "old"), None)
    assert not list(recorded_times(spec, data, tmp_path, threads=1))


def digest_of_0_1(spec: StudySpec) -> str:
    """What version 0.1 wrote beside the trials of a study."""
    values = spec.model_dump(mode="json", exclude={"description", "format", "baselines", "objective"})
    values["filters"] = values.pop("methods")
    for dataset in values["datasets"]:
        for key in LATER_DATASET_KEYS:
            del dataset[key]
    if values["trial_time_limit"] is None:
        del values["trial_time_limit"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def test_old_trials_of_the_same_name_in_a_storage_are_another_study(
    tiny: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database outlives the study folder: what version 0.1 left in it must not count as trials of this one."""
    path = str(tmp_path / "journal.log")
    with monkeypatch.context() as patch:
        patch.setattr("study.record.ledger.spec_digest", digest_of_0_1)
        Ledger(tiny, open_storage(path))
    with pytest.raises(UserError, match="already holds another study"):
        Ledger(tiny, open_storage(path))


def test_the_digest_of_0_1_is_the_one_it_wrote() -> None:
    spec = StudySpec(name="old", datasets=["digits"], methods=["gcn"], bits=[8], trials=1, epochs=2)  # type: ignore[list-item]
    assert digest_of_0_1(spec) == "b187dfeaad14eb8a"
