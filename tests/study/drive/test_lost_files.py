"""Files of a finished run that are gone or damaged: the same command has them again. And a kill leaves nothing that
`verify` would take for damage."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from rich.console import Console

import run_study as command
from analysis.command import main as analyse
from analysis.study_records import load_study
from analysis.verify import verify
from hasher.files import write_atomically
from hasher.model_file import load_hasher
from study.drive.runner import StudyResult, run_study
from study.options import RunOptions
from study.plan.spec import StudySpec
from study.record.journal import Journal
from study.record.manifest import read_manifest
from study.record.sampling import open_storage
from study.record.study_folder import StudyFolder
from tests.study.conftest import run_tiny
from tests.study.here import runs_here
from tests.study.test_run_study import TIMES

RUNS = "evaluations/blobs"


def without_an_array(path: Path) -> None:
    arrays = dict(np.load(path))
    del arrays["precision_at_n"]
    np.savez(path, **arrays)


def damage(folder: Path) -> set[str]:
    """Each in a way of its own. Returns the files."""
    (folder / RUNS / "gcn-8-1.npz").unlink()
    (folder / RUNS / "none-8-0.npz").write_bytes(b"")
    (folder / RUNS / "itq-8-1.npz").write_bytes(b"garbage" * 50)
    without_an_array(folder / RUNS / "float_cosine-0-0.npz")
    whole = (folder / RUNS / "chebyshev-8-1.npz").read_bytes()
    (folder / RUNS / "chebyshev-8-1.npz").write_bytes(whole[: len(whole) // 2])
    models = folder / "models" / "blobs"
    (models / "gcn-8.safetensors").unlink()
    whole = (models / "lsh-8.safetensors").read_bytes()
    (models / "lsh-8.safetensors").write_bytes(whole[: len(whole) // 2])
    names = ("gcn-8-1", "none-8-0", "itq-8-1", "float_cosine-0-0", "chebyshev-8-1")
    return {f"{RUNS}/{name}.npz" for name in names} | {f"models/blobs/{name}-8.safetensors" for name in ("gcn", "lsh")}


def records_of(folder: StudyFolder) -> pd.DataFrame:
    return pd.read_csv(folder.records).drop(columns=[*TIMES, "commit"])


def contents(path: Path) -> object:
    if path.suffix == ".npz":
        return path.read_bytes()
    model = load_hasher(path)
    return model.fingerprint, model.settings, model.about


def trials_in(folder: StudyFolder) -> int:
    storage = open_storage(str(folder.journal))
    names = optuna.get_all_study_names(storage)
    return sum(len(optuna.load_study(study_name=name, storage=storage).trials) for name in names)


@pytest.fixture
def copy(finished: StudyResult, tmp_path: Path) -> StudyFolder:
    return StudyFolder(shutil.copytree(finished.folder.path, tmp_path / "tiny"))


@pytest.mark.parametrize("digests", ["recorded", "not recorded"])
def test_the_same_command_does_runs_again_whose_files_are_lost(
    finished: StudyResult, tiny: StudySpec, copy: StudyFolder, digests: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if digests == "not recorded":  # as before there were any
        journal = copy.journal.read_text()
        copy.journal.write_text(re.sub(r',"files":\{[^}]*\}', "", journal))
        copy.manifest.unlink()
        assert copy.journal.read_text() != journal
    before, damaged = trials_in(copy), damage(copy.path)
    assert {line.split(":")[0] for line in verify(load_study(copy.path))} >= damaged
    options = RunOptions(runs_dir=copy.path.parent)
    said = io.StringIO()
    assert command.main([str(copy.path), "--dry-run"]) == 0
    planned = capsys.readouterr().out
    assert "18 of 25 runs done" in planned
    with runs_here():
        result = run_study(tiny, options, Console(file=said, width=300))
    for name in damaged:
        assert re.search(rf"{name}.*; its run is done again", said.getvalue()), name
        assert re.search(rf"{name}.*; its run is done again", planned), name
        assert contents(copy.path / name) == contents(finished.folder.path / name)
    assert result.counts.left == 0 and trials_in(copy) == before + len(damaged)
    pd.testing.assert_frame_equal(records_of(copy), records_of(finished.folder), check_exact=True)
    assert not [line for line in verify(load_study(copy.path)) if not line.startswith("tables/")]
    with runs_here():
        run_tiny(tiny, copy.path.parent)
    assert trials_in(copy) == before + len(damaged)


def test_a_run_that_cannot_be_done_again_yet_is_not_said_to_be_done(
    tiny: StudySpec, copy: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy.path / RUNS / "gcn-8-1.npz").unlink()
    with runs_here():
        result = run_tiny(tiny, copy.path.parent, max_device_hours=1e-9)
    assert result.counts.left == 1 and len(result.records) == 24 and not result.records["superseded"].any()


@pytest.mark.parametrize("name", ["gcn-8-1", "none-8-0"])
def test_a_damaged_evaluation_is_one_line_that_says_what_to_do(
    copy: StudyFolder, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy.path / RUNS / f"{name}.npz"
    path.write_bytes(b"garbage")
    assert analyse([str(copy.path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    what_to_do = f"`python run_study.py {copy.path}` does its run again"
    assert line == f"error: {path}: a damaged evaluation: not a readable .npz file; {what_to_do}"


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("journal.log", b'{"op_code":8', b'{"op_code":88', r"a record of this journal is damaged \(line \d+ .*restore"),
        ("journal.log", b'"op_code":', b'"code":', r"a record of this journal is damaged \(line \d+ .*restore"),
        ("storage.txt", b"journal", b"\xff\xfe", r"storage\.txt: not text, expected `journal.log` or the --storage"),
    ],
)
def test_a_study_that_cannot_go_on_says_so_in_a_line(
    copy: StudyFolder, name: str, old: bytes, new: bytes, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (copy.path / name).read_bytes()
    assert old in content
    (copy.path / name).write_bytes(content.replace(old, new, 1))
    assert command.main([str(copy.path)]) == 2
    *warnings, line = capsys.readouterr().err.splitlines()
    assert re.fullmatch(f"error: .*{says}.*", line)
    assert all("journal.log: not what it was when manifest.sha256 was written" in one for one in warnings)


@pytest.mark.parametrize("what", ["task", "outcome"])
@pytest.mark.parametrize("value", [5, [], {}, {"state": "sleeping"}, {"state": "complete", "map": "high"}])
def test_what_is_no_run_in_a_journal_is_one_line(copy: StudyFolder, what: str, value: object) -> None:
    lines = copy.journal.read_text().splitlines()
    number = next(place for place, line in enumerate(lines) if f'"{what}":' in line)
    record = json.loads(lines[number])
    record["user_attr"][what] = value
    copy.journal.write_text("\n".join([*lines[:number], json.dumps(record), *lines[number + 1 :]]) + "\n")
    found = verify(load_study(copy.path))
    assert any(re.match(rf"storage: .* is no {what} of a run as run_study.py stores it", line) for line in found)


@contextmanager
def snapshots(folder: Path, into: Path) -> Iterator[list[Path]]:
    """What a kill would leave after a write: copies of a study folder as it then is.

    After every file but tables, and of what is written to the journal after what follows a file, and some.
    """
    taken: list[Path] = []
    writes = [0]

    def take() -> None:
        shutil.copytree(folder, into / f"{len(taken)}" / folder.name)
        taken.append(into / f"{len(taken)}" / folder.name)

    replace, write = Path.replace, Journal._write

    def replaced(self: Path, target: Path) -> Path:
        result = replace(self, target)
        if folder in Path(target).parents and "tables" not in Path(target).parts:
            take()
            writes[0] = 0
        return result

    def written(self: Journal, lines: list[bytes]) -> None:
        write(self, lines)
        writes[0] += 1
        if lines and writes[0] % 3 == 1:
            take()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replaced)
        patch.setattr(Journal, "_write", written)
        yield taken


def test_no_kill_is_taken_for_damage(
    finished: StudyResult, tiny: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a study that is extended and finds other winners, whose files take the place of the former ones'."""
    monkeypatch.setattr("analysis.report.write_report", lambda study: write_atomically(study.folder.report, "drawn"))
    folder = StudyFolder(shutil.copytree(finished.folder.path, tmp_path / "runs" / "tiny"))
    assert command.conclude(finished_at(finished, folder), None, Console(quiet=True)) == 0
    assert verify(load_study(folder.path)) == []
    larger = tiny.model_copy(update={"trials": 10})
    with runs_here(), snapshots(folder.path, tmp_path / "killed") as killed:
        result = run_tiny(larger, folder.path.parent, extend=True)
        assert result.records["superseded"].any() and result.counts.left == 0
        command.conclude(result, None, Console(quiet=True))
    assert len(killed) > 30 and verify(load_study(folder.path)) == []
    states = set()
    for path in killed:
        manifest = read_manifest(StudyFolder(path))
        assert manifest is not None and verify(load_study(path)) == [], path
        states.add((manifest.is_open, manifest.has_made))
    assert states == {(False, True), (True, False), (False, False)}
    wanted = records_of(folder)
    for path in (killed[2], killed[len(killed) // 2]):
        with runs_here():
            again = run_tiny(larger, path.parent, extend=True)
        pd.testing.assert_frame_equal(records_of(again.folder), wanted, check_exact=True)
        assert verify(load_study(path)) == []


def finished_at(result: StudyResult, folder: StudyFolder) -> StudyResult:
    return StudyResult(folder, result.records, result.counts, result.finished, 0, None, None)
