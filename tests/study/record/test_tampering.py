"""Whatever is changed in the folder of a finished study, `python -m analysis verify` names the file in a line."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from analysis.command import main as analyse
from analysis.study_records import load_study
from analysis.tables import render_tables, write_tables
from analysis.verify import verify
from study.drive.runner import StudyResult
from study.record.manifest import making

EVALUATION, MODEL = "evaluations/blobs/gcn-8-1.npz", "models/blobs/gcn-8.safetensors"
TABLE, FIGURE = "tables/blobs.csv", "figures/blobs/map-by-bits.svg"

Tamper = Callable[[Path], object]


def text(old: str, new: str) -> Tamper:
    def tamper(path: Path) -> None:
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new, 1), encoding="utf-8")

    return tamper


def content(new: bytes) -> Tamper:
    return lambda path: path.write_bytes(new)


def gone(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    changed = bytearray(path.read_bytes())
    changed[-3] ^= 4
    path.write_bytes(changed)


def swapped(name: str) -> Tamper:
    def tamper(path: Path) -> None:
        other = path.with_name(name)
        ours, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(ours)

    return tamper


def table(change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Tamper:
    def tamper(path: Path) -> None:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        changed = change(rows)
        (rows if changed is None else changed).to_csv(path, index=False)

    return tamper


def cell(column: str, new: str, kind: str = "test", method: str = "gcn") -> Tamper:
    def change(rows: pd.DataFrame) -> None:
        row = rows.index[(rows["kind"] == kind) & (rows["method"] == method)][0]
        assert rows.loc[row, column] != new
        rows.loc[row, column] = new

    return table(change)


def array(name: str) -> Tamper:
    """Its second value grows."""

    def tamper(path: Path) -> None:
        arrays = dict(np.load(path))
        arrays[name][1] = arrays[name][1] + 1
        np.savez_compressed(path, **arrays)

    return tamper


def without_array(path: Path) -> None:
    arrays = dict(np.load(path))
    del arrays["map_at_k_by_query"]
    np.savez_compressed(path, **arrays)


def shorter_array(path: Path) -> None:
    arrays = dict(np.load(path))
    arrays["map_by_query"] = arrays["map_by_query"][:7]
    np.savez_compressed(path, **arrays)


def metadata(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        found = file.metadata()
    save_file(load_file(path), path, {**found, "about": "{}"})


def deleted_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:5], *lines[6:]]), encoding="utf-8")


TAMPERINGS: dict[str, tuple[str, Tamper]] = {
    "epochs of the study": ("study.yaml", text("epochs: 4", "epochs: 5")),
    "a bound of the study": ("study.yaml", text("high: 0.1", "high: 0.2")),
    "trials of the study": ("study.yaml", text("trials: 4", "trials: 3")),
    "seed of the study": ("study.yaml", text("\nseed: 0", "\nseed: 1")),
    "description of the study": ("study.yaml", text("description: ''", "description: better")),
    "no study": ("study.yaml", gone),
    "where it is kept": ("storage.txt", content(b"journal.log \n")),
    "bytes for where it is kept": ("storage.txt", content(b"\xff\xfe\x00")),
    **{f"{column} of a record": ("records.csv", cell(column, new)) for column, new in {
        "map": "0.9", "map_at_k": "0.9", "precision_at_radius_2": "0.9", "map_released": "0.9",
        "map_real_valued": "0.9", "seconds": "0.5", "device_seconds": "0.5", "commit": "0" * 40, "versions": "python=3",
        "host": "elsewhere", "device": "another", "data_fingerprint": "0" * 32, "chosen_epoch": "7", "epochs": "7",
        "planned_epochs": "7", "seed": "7", "learning_rate": "0.007", "threads": "64", "state": "failed",
        "started": "2020-01-01T00:00:00.000+00:00", "train_items": "7", "queries": "7", "superseded": "True",
        "note": "nothing to see", "optuna_trial": "77", "family": "Others", "bits": "16",
    }.items()},
    "score of a search trial": ("records.csv", cell("map", "0.9", kind="search")),
    "learning rate of a search trial": ("records.csv", cell("learning_rate", "0.007", kind="search")),
    "text for a score": ("records.csv", cell("map", "very good")),
    "text for bits": ("records.csv", cell("bits", "many")),
    "text for epochs": ("records.csv", cell("epochs", "four")),
    "a record less": ("records.csv", table(lambda rows: rows[1:])),
    "a record twice": ("records.csv", table(lambda rows: pd.concat([rows, rows[-1:]]))),
    "records in another order": ("records.csv", table(lambda rows: rows[::-1])),
    "a column more": ("records.csv", table(lambda rows: rows.assign(luck=1))),
    "a score of a curve": ("curves.csv", cell("map", "0.9", kind="search")),
    "a loss of a curve": ("curves.csv", cell("loss", "0.001")),
    "text in a curve": ("curves.csv", cell("loss", "low")),
    "an epoch less": ("curves.csv", table(lambda rows: rows[:-1])),
    "no curves": ("curves.csv", gone),
    "a score of the journal": ("journal.log", text('"map":0.', '"map":0.1')),
    "a commit of the journal": ("journal.log", text('"commit":"', '"commit":"0')),
    "an operation of the journal": ("journal.log", text('{"op_code":8', '{"op_code":88')),
    "a record less in the journal": ("journal.log", deleted_line),
    "a journal cut short": ("journal.log", cut),
    "no journal": ("journal.log", gone),
    **{f"{name} of an evaluation": (EVALUATION, array(name)) for name in (
        "map_by_query", "map_at_k_by_query", "precision_at_radius_2_by_query", "map_real_valued_by_query",
        "query_index", "cutoffs", "precision_at_n", "map_at_cutoffs", "precision_by_radius", "recall_by_radius",
        "bit_balance", "bit_correlation",
    )},
    "evaluations swapped": (EVALUATION, swapped("gcn-8-0.npz")),
    "an evaluation cut short": (EVALUATION, cut),
    "an empty evaluation": (EVALUATION, content(b"")),
    "no evaluation but garbage": (EVALUATION, content(b"garbage" * 99)),
    "a pickle for an evaluation": (EVALUATION, content(pickle.dumps([1, 2]))),
    "an array less": (EVALUATION, without_array),
    "a shorter array": (EVALUATION, shorter_array),
    "no evaluation": (EVALUATION, gone),
    "an evaluation more": ("evaluations/blobs/gcn-8-7.npz", content(b"more")),
    "a bit of a model": (MODEL, flipped),
    "metadata of a model": (MODEL, metadata),
    "models swapped": (MODEL, swapped("none-8.safetensors")),
    "a model cut short": (MODEL, cut),
    "no model": (MODEL, gone),
    "a model more": ("models/blobs/gcn-16.safetensors", content(b"more")),
    "a number of a table": (TABLE, text(",0.", ",1.")),
    "a table in Markdown": ("tables/blobs.md", text("GCN", "CNN")),
    "a table in LaTeX": ("tables/blobs.tex", cut),
    "no table": (TABLE, gone),
    "a table more": ("tables/blobs-best-of-all.csv", content(b"method,map\nours,1.0\n")),
    "a figure": (FIGURE, text("0", "1")),
    "no figure": (FIGURE, gone),
    "a figure more": ("figures/blobs/better.svg", content(b"<svg/>")),
    "the report": ("report.html", text("0", "1")),
    "an empty report": ("report.html", content(b"")),
    "no report": ("report.html", gone),
    "a file that the manifest forgets": ("evaluations/blobs/float_diffusion-0-0.npz",
                                          lambda path: deleted_line(path.parents[2] / "manifest.sha256")),
    "a manifest that is none": ("manifest.sha256", content(b"trust me\n")),
    "bytes for a manifest": ("manifest.sha256", content(b"\xff\xfe")),
}  # fmt: skip

#: What was not seen before, and is seen without a manifest too, by what the journal has of it.
BY_THE_JOURNAL = [
    "epochs of the study", "a bound of the study", "commit of a record", "data_fingerprint of a record",
    "seconds of a record", "versions of a record", "chosen_epoch of a record", "precision_at_n of an evaluation",
    "bit_balance of an evaluation", "a bit of a model", "models swapped", "no model", "a table more",
    "an evaluation cut short", "an empty evaluation", "no evaluation but garbage", "an array less", "a shorter array",
    "text for a score", "text for bits", "text for epochs", "an operation of the journal",
]  # fmt: skip


@pytest.fixture(scope="module")
def vouched(finished: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study with its tables; figures and a report that take no time to draw."""
    path = tmp_path_factory.mktemp("vouched") / "tiny"
    shutil.copytree(finished.folder.path, path)
    study = load_study(path)
    with making(study.folder):
        write_tables(study)
        (path / FIGURE).parent.mkdir(parents=True)
        (path / FIGURE).write_text("<svg>0</svg>")
        (path / "report.html").write_text("<html>0</html>")
    return path


@pytest.fixture(scope="module")
def tables_once(vouched: Path) -> Iterator[None]:
    """What the tables should be is the dear part of `verify`, and no part of what is tested here."""
    rendered = {path.relative_to(vouched): content for path, content in render_tables(load_study(vouched)).items()}

    def rendered_once(study: Any) -> dict[Path, str]:
        return {study.folder.path / name: content for name, content in rendered.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.verify.render_tables", rendered_once)
        yield


@pytest.fixture
def copy(vouched: Path, tmp_path: Path) -> Path:
    return shutil.copytree(vouched, tmp_path / "tiny")


def test_there_are_as_many_as_were_tried() -> None:
    assert len(TAMPERINGS) >= 64


def test_an_untouched_study_verifies(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyse(["verify", str(copy)]) == 0
    says = capsys.readouterr().out
    assert "every table follows from the records" in says and "files are as manifest.sha256 has them" in says
    checked = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=copy, capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stderr, checked.stderr
    present = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file() and path.name[0] != "."}
    assert {line.removesuffix(": OK") for line in checked.stdout.splitlines()} == present - {"manifest.sha256"}


def is_named(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> bool:
    code = analyse(["verify", str(copy)])
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).replace(f"{copy}/", "").replace(f"{copy}: ", "").splitlines()
    return code in (1, 2) and any(name in line or (name == "study.yaml" and "not a study" in line) for line in lines)


@pytest.mark.usefixtures("tables_once")
@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_tampering_is_named(copy: Path, tampering: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, tamper = TAMPERINGS[tampering]
    tamper(copy / name)
    assert is_named(copy, name, capsys)


@pytest.mark.usefixtures("tables_once")
@pytest.mark.parametrize("tampering", ["a manifest that is none", "an operation of the journal"])
def test_what_cannot_be_read_is_named_alone(copy: Path, tampering: str) -> None:
    name, tamper = TAMPERINGS[tampering]
    tamper(copy / name)
    found = verify(load_study(copy))
    assert found and all(line.startswith(name) for line in found)


@pytest.mark.usefixtures("tables_once")
@pytest.mark.parametrize("tampering", BY_THE_JOURNAL)
def test_a_tampering_is_named_without_a_manifest(
    copy: Path, tampering: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "manifest.sha256").unlink()
    name, tamper = TAMPERINGS[tampering]
    tamper(copy / name)
    assert is_named(copy, name, capsys)
