"""Files and machines that mean no good, through the commands that people type: one line, exit code 2, nothing written.

`benchmarks/fuzz.py` looks for what is not known yet; here is what was found.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import analysis.command
import run_study
from analysis.study_records import load_study
from hasher.__main__ import main as hasher_main
from hasher.data import Items
from hasher.files import write_atomically
from hasher.methods.registry import find_method
from hasher.model_file import SavedHasher, save_hasher
from hasher.retrieval import pack
from hasher.search.codes_file import HashedItems, save_codes
from hasher.search.index import HammingIndex, _seal
from tests.analysis.synthetic import make_spec, write_study

ITEMS, WIDTH, BITS = 60, 6, 8
SMALL = ["--methods", "gcn", "--bits", "8", "--trials", "2", "--epochs", "2"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that everything a command writes is seen."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def save_data(name: str = "mine.npz", **changed: Any) -> np.ndarray:
    features = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
    np.savez(name, **{"features": features, "labels": np.arange(ITEMS) % 3, **changed})
    return features


def save_model(**about: Any) -> SavedHasher:
    method = find_method("gcn")
    config = method.configure({"bits": BITS, "ae_width": 4})
    hasher = SavedHasher(method, config, method.model(config, WIDTH).eval(), about)
    save_hasher(hasher, Path("m.safetensors"))
    return hasher


def contents() -> set[str]:
    return {str(path) for path in Path().rglob("*")}


def line_of(capsys: pytest.CaptureFixture[str], main: Callable[[list[str]], int], *arguments: str) -> str:
    """What a command says that is refused, of one line; it writes nothing."""
    before = contents()
    capsys.readouterr()
    try:
        code = main(list(arguments))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 2
    said = capsys.readouterr().err
    errors = [line for line in said.splitlines() if not line.startswith("warning: ")]
    assert code == 2 and len(errors) == 1 and errors[0].startswith("error: "), said
    assert contents() == before
    return errors[0].removeprefix("error: ")


# Places where nothing can be written or read


def test_a_place_that_takes_no_study_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    for place, says in (
        ("file", "Not a directory"), ("/proc/nowhere", "No such file or directory"), ("x" * 300, "File name too long"),
    ):  # fmt: skip
        assert says in line_of(capsys, run_study.main, *SMALL, "--runs-dir", place)
    assert "name: String should have at most 200" in line_of(capsys, run_study.main, *SMALL, "--name", "x" * 300)
    assert "File name too long" in line_of(capsys, analysis.command.main, "make", "x" * 5000)
    Path("runs/digits").mkdir(parents=True)
    Path("runs/digits/.lock").symlink_to("/nonexistent/elsewhere")
    assert "Too many levels of symbolic links" in line_of(capsys, run_study.main, *SMALL)


def test_a_disk_that_fills_while_tables_are_written_is_a_line_and_no_file_is_half_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(Path("runs"), make_spec(datasets=["vectors.npz"]))
    room, sync = [3], os.fsync

    def fsync(handle: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert analysis.command.main(["make", str(study)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith(f"error: {study}/tables/vectors")
    assert said[0].endswith(": No space left on device")
    written = sorted(study.glob("tables/*"))
    assert len(written) == 3 and all(path.stat().st_size and not path.name.startswith(".") for path in written)


# Files that are none, or no good


def test_a_pipe_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    save_data()
    save_model()
    others = ("p.npy", "p.parquet", "p.arrow", "p.csv", "p.pt")
    for name in ("p.npz", "p.safetensors", "p.yaml", *others):
        os.mkfifo(name)
    for command, arguments in (
        (hasher_main, ["info", "p.npz"]), (hasher_main, ["train", "p.npz"]), (hasher_main, ["info", "p.safetensors"]),
        (hasher_main, ["encode", "m.safetensors", "p.npz"]),
        (hasher_main, ["search", "m.safetensors", "p.npz", "p.npz"]),
        (run_study.main, ["p.yaml"]), (run_study.main, ["--dataset", "p.npz"]),
    ):  # fmt: skip
        assert "a named pipe, expected a file" in line_of(capsys, command, *arguments)
    for name in others:
        assert "a named pipe, expected a file" in line_of(capsys, hasher_main, "encode", "m.safetensors", name)


def test_text_of_characters_that_there_are_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    paths = np.array(["a.png", "b.png"])
    paths.view(np.uint32)[2] = 0x7FFFFFFF
    np.savez("x.npz", features=np.eye(2, dtype=np.float32), labels=[0, 1], paths=paths)
    assert "characters that there are not" in line_of(capsys, hasher_main, "info", "x.npz")


def test_a_pickle_is_never_advised_to_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.npz").write_bytes(pickle.dumps({"features": 1}))
    said = line_of(capsys, hasher_main, "info", "x.npz")
    assert said == "x.npz: not a readable .npz file (a pickle, which may hold any program and is never read)"


@pytest.mark.parametrize("source", ["...npz", ".npz", "a\x1b[2J.npz", "a\u202eb.npz", f"{'x' * 210}.npz"])
def test_data_whose_name_no_file_could_have_are_refused(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command, arguments in ((hasher_main, ["train", source]), (run_study.main, ["--dataset", source])):
        said = line_of(capsys, command, *arguments)
        assert "files are named as the data" in said and "\x1b" not in said and "\u202e" not in said


def test_the_folder_that_we_are_in_has_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    for number, vector in enumerate(np.random.default_rng(0).normal(size=(20, 5))):
        Path(f"class{number % 2}").mkdir(exist_ok=True)
        np.save(f"class{number % 2}/{number}.npy", vector)
    assert hasher_main(["train", ".", "--method", "itq", "--bits", "4", "--csv", "out/train.csv"]) == 0
    assert Path("work-itq-4.safetensors").exists()
    assert run_study.main(["--dataset", ".", "--methods", "itq", "--trials", "1", "--bits", "4", "--dry-run"]) == 0
    assert "Study work in runs/work" in capsys.readouterr().out


# What a forged index, a label or a model's own words could do


def forge(change: Callable[[faiss.IndexBinaryFlat], Any], codes: HashedItems) -> None:
    """An index of other codes under a seal that is right."""
    flat = faiss.IndexBinaryFlat(BITS)
    flat.add(codes.packed)
    content = faiss.serialize_index_binary(change(flat)).tobytes()
    Path("codes.faiss").write_bytes(content + _seal(content, BITS, codes.fingerprint))


def five(flat: faiss.IndexBinaryFlat) -> faiss.IndexBinaryFlat:
    other = faiss.IndexBinaryFlat(BITS)
    other.add(np.zeros((5, 1), np.uint8))
    return other


def wider(flat: faiss.IndexBinaryFlat) -> faiss.IndexBinaryFlat:
    other = faiss.IndexBinaryFlat(64)
    other.add(np.zeros((ITEMS, 8), np.uint8))
    return other


def hashing(flat: faiss.IndexBinaryFlat) -> faiss.IndexBinary:
    return faiss.IndexBinaryHash(BITS, 4)


@pytest.mark.parametrize("change", [five, wider, hashing])
def test_a_forged_index_changes_no_result(change: Callable[[Any], Any], capsys: pytest.CaptureFixture[str]) -> None:
    hasher = save_model()
    packed = pack(hasher.encode(save_data()))
    codes = HashedItems(packed, BITS, hasher.fingerprint, Items("x", np.arange(ITEMS)), hasher.settings, {})
    save_codes(codes, Path("codes.npz"))
    search = ["search", "m.safetensors", "codes.npz", "codes.npz", "-k", "3"]
    assert hasher_main(search) == 0
    expected = capsys.readouterr().out
    forge(change, codes)
    assert hasher_main(["info", "codes.npz"]) == 0
    assert "of other codes: `search` makes it anew" in capsys.readouterr().out
    assert hasher_main(search) == 0
    assert capsys.readouterr().out == expected
    assert HammingIndex.of_packed(packed, BITS).is_kept_in(Path("codes.faiss"), codes.fingerprint)


def test_labels_and_paths_are_no_formulas_in_csv(capsys: pytest.CaptureFixture[str]) -> None:
    save_model()
    labels = np.array(["=cmd|' /C calc'!A0", "@SUM(1)", "plain"])[np.arange(ITEMS) % 3]
    save_data(labels=labels, paths=np.array([f"+{number}|x" for number in range(ITEMS)]))
    assert hasher_main(["search", "m.safetensors", "mine.npz", "mine.npz", "-k", "2", "--out", "found.csv"]) == 0
    with Path("found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * ITEMS
    for row in rows:
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@")), cell
    assert {row["item_label"] for row in rows} == {f"'{labels[0]}", f"'{labels[1]}", "plain"}
    assert rows[0]["query_path"] == "'+0|x" and rows[0]["distance"].isdecimal()


def test_nothing_that_a_file_says_of_itself_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;title\x07\x1b[2J"
    save_model(dataset=evil, note={"deep": [evil]})
    save_data(labels=np.array([f"a{evil}", "b", "c"])[np.arange(ITEMS) % 3], about=np.array(json.dumps({"by": evil})))
    assert hasher_main(["info", "m.safetensors"]) == 0
    assert hasher_main(["info", "mine.npz"]) == 0
    assert hasher_main(["search", "m.safetensors", "mine.npz", "mine.npz", "-k", "2"]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err and captured.out.count("\\x1b]0;title\\x07") > 4
    os.link("mine.npz", f"x{evil}.npz")
    line_of(capsys, hasher_main, "info", f"x{evil}.npz")


def test_a_model_s_words_are_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    save_model(long="x" * 10**5)
    with safe_open("m.safetensors", framework="pt") as file:
        metadata = dict(file.metadata())
    assert hasher_main(["info", "m.safetensors"]) == 0
    assert len(capsys.readouterr().out) < 5000
    for about in ("[" * 900 + "]" * 900, '{"a": ' * 900 + "1" + "}" * 900):
        save_file(load_file("m.safetensors"), "n.safetensors", {**metadata, "about": about})
        assert "its metadata hold no JSON object as 'about'" in line_of(capsys, hasher_main, "info", "n.safetensors")


# What a machine cannot do


def test_a_dry_run_refuses_what_the_study_would(capsys: pytest.CaptureFixture[str]) -> None:
    features = save_data("good.npz")
    features[3, 2] = np.nan
    np.savez("mine.npz", features=features, labels=np.arange(ITEMS) % 3)
    dry = [*SMALL, "--dry-run"]
    assert "mine.npz: features: row 3 holds NaN" in line_of(capsys, run_study.main, "--dataset", "mine.npz", *dry)
    large = "extends: digits.yaml\ndatasets: [digits]\nfixed: {ae_width: 1000000000}\n"
    Path("large.yaml").write_text(large)
    said = line_of(capsys, run_study.main, "large.yaml", *dry)
    assert "ae_width 1000000000" in said and "do not fit into memory" in said
    assert "do not fit into memory" in line_of(capsys, run_study.main, "large.yaml", *SMALL)
    source = "gaussian:200:768:2000000000"
    assert "do not fit into memory" in line_of(capsys, run_study.main, "--dataset", source, *dry)


def test_a_dry_run_of_data_that_are_not_here_yet_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_study.main(["--dataset", "later", *SMALL, "--dry-run"]) == 0
    assert "No estimate for later: later: no data set of this name" in capsys.readouterr().out


def test_a_dry_run_of_one_epoch_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    save_data()
    assert run_study.main(["--dataset", "mine.npz", *SMALL[:-1], "1", "--dry-run"]) == 0
    assert "device-hours" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--cpus-per-trial", "--gpus-per-trial"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300"])
def test_a_number_of_devices_that_is_none_is_refused(flag: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert line_of(capsys, run_study.main, *SMALL, flag, value).startswith(f"{flag}: 0 to 4,096, not ")


# That no printing and no CSV goes another way

ROOT = Path(__file__).resolve().parents[1]


def test_csv_is_written_in_one_place() -> None:
    sources = [path for package in ("hasher", "study", "analysis") for path in (ROOT / package).rglob("*.py")]
    writing = [path for path in sources if ".to_csv(" in (text := path.read_text()) or "csv.writer(" in text]
    assert [str(path.relative_to(ROOT)) for path in writing] == ["hasher/csv_text.py"]


def test_files_of_others_are_opened_in_one_place() -> None:
    """numpy, yaml and safetensors open whatever has the name, and numpy unpacks what it is told."""
    sources = [path for package in ("hasher", "study", "analysis") for path in (ROOT / package).rglob("*.py")]
    for call in ("np.load(", "yaml.safe_load(", "numpy.load("):
        found = [path for path in sources if call in path.read_text()]
        assert not found, f"{call} in {found}"


def test_a_data_set_whose_name_begins_as_a_formula_does_is_written_as_text_and_found_again() -> None:
    save_data("-x.npz")
    study = write_study(Path("runs"), make_spec(datasets=["./-x.npz"]))
    assert all(not line.startswith("-x") for line in (study / "records.csv").read_text().splitlines())
    assert set(load_study(study).records["dataset"]) == {"-x"}


def test_the_seal_of_an_index_is_only_a_hash() -> None:
    """Which is why nothing under it is trusted: whoever changes the content can make the seal anew."""
    content = b"anything"
    assert hashlib.blake2b(content, digest_size=16).hexdigest().encode() in _seal(content, 8, "abc")
    write_atomically(Path("codes.faiss"), content + _seal(content, 8, "abc"))
    assert not HammingIndex(np.ones((3, 8), bool)).is_kept_in(Path("codes.faiss"), "abc")
