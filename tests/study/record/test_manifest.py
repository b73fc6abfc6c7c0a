"""The manifest itself: what it takes, what it refuses, and when it is copied."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hasher.errors import UserError
from hasher.files import sha256
from study.plan.spec import StudySpec
from study.record.manifest import (
    close_manifest,
    journal_has_changed,
    making,
    open_manifest,
    read_closed_manifest,
    read_manifest,
)
from study.record.shared_storage import SharedStorage
from study.record.study_folder import StudyFolder
from tests.docs.pages import ROOT, blocks


@pytest.fixture
def begun(tiny: StudySpec, study_folder: StudyFolder) -> StudyFolder:
    study_folder.path.mkdir()
    study_folder.freeze(tiny, None)
    study_folder.journal.write_text("")
    return study_folder


def digests(folder: StudyFolder) -> dict[str, str]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.digests


def test_each_vouches_for_what_it_wrote(begun: StudyFolder, tiny: StudySpec) -> None:
    assert read_manifest(begun) is None
    with making(begun):
        begun.report.write_text("of a study without a manifest")
    assert read_manifest(begun) is None
    open_manifest(begun)
    with making(begun):
        begun.report.write_text("while a driver has the study")
    assert digests(begun) == {}
    close_manifest(begun, tiny, {})
    recorded = {name: sha256(begun.path / name) for name in ("study.yaml", "storage.txt", "journal.log")}
    assert digests(begun) == recorded and not journal_has_changed(begun)
    begun.journal.write_text("tampered with")
    assert journal_has_changed(begun)
    with making(begun):
        begun.report.write_text("of the records")
        assert digests(begun) == recorded
    assert digests(begun) == {**recorded, "report.html": sha256(b"of the records")}
    close_manifest(begun, tiny, {})
    assert digests(begun)["report.html"] == sha256(b"of the records")


def test_tables_that_could_not_be_written_are_not_vouched_for(begun: StudyFolder, tiny: StudySpec) -> None:
    begun.report.write_text("former")
    close_manifest(begun, tiny, {})
    with making(begun):
        begun.report.write_text("former")
    with pytest.raises(OSError, match="full"), making(begun):
        raise OSError("full")
    assert "report.html" not in digests(begun) and "study.yaml" in digests(begun)


@pytest.mark.parametrize(
    "line", ["0" * 64 + "  ../other/study.yaml", "0" * 64 + "  /etc/passwd", "0" * 63 + "  study.yaml", "0" * 64, "x"]
)
def test_what_is_no_line_of_it_is_named(begun: StudyFolder, line: str) -> None:
    begun.manifest.write_text(f"# a comment\n{line}\n")
    with pytest.raises(UserError, match=r"manifest\.sha256: line 2 is no digest and path"):
        read_manifest(begun)
    assert read_closed_manifest(begun) is None and not journal_has_changed(begun)


def test_a_copy_never_has_a_manifest_of_what_it_lacks(
    begun: StudyFolder, tiny: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    shared = SharedStorage(str(tmp_path / "shared"), "tiny")
    write = shared._write

    def noted(name: str, content: bytes) -> None:
        written.append(name)
        write(name, content)

    monkeypatch.setattr(shared, "_write", noted)
    close_manifest(begun, tiny, {})
    shared.copy(begun)
    assert written[-2:] == ["journal.log", "manifest.sha256"]
    open_manifest(begun)
    begun.report.write_text("more")
    shared.copy(begun)
    assert written[4:] == ["manifest.sha256", "report.html"]
    assert (tmp_path / "shared" / "tiny" / "manifest.sha256").read_text() == begun.manifest.read_text()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here (Debian: openssh-client)")
def test_the_documented_signature_tells_a_forgery(begun: StudyFolder, tiny: StudySpec, tmp_path: Path) -> None:
    page = ROOT / "docs" / "output.md"
    sign, check = (block.code.strip() for block in blocks("bash") if block.page == page)
    close_manifest(begun, tiny, {})
    for name in (".ssh", "runs"):
        (tmp_path / name).mkdir()
    begun.path.rename(tmp_path / "runs" / "digits")
    key = tmp_path / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "allowed_signers").write_text(f"you@example.org {key.with_suffix('.pub').read_text()}")

    def run(command: str) -> int:
        command = command.replace("~", str(tmp_path))
        return subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False).returncode

    assert run(sign) == 0 and run(check) == 0
    forged = StudyFolder(tmp_path / "runs" / "digits")
    forged.journal.write_text("forged")
    close_manifest(forged, tiny, {})
    assert run(check) != 0
