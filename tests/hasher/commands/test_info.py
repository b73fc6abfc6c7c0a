"""``python -m hasher info``: its facts against the files they are of."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hasher.__main__ import main
from hasher.data import load_dataset
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from hasher.search.codes_file import load_codes

MakeHasher = Callable[..., SavedHasher]
Capture = pytest.CaptureFixture[str]


def facts(capsys: Capture, what: Path | str, *more: str) -> dict[str, str]:
    """The facts printed, by name."""
    capsys.readouterr()
    assert main(["info", str(what), *more]) == 0
    pairs = (line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    return {name: value.strip() for name, value in pairs}


@pytest.fixture
def model(tmp_path: Path, make_hasher: MakeHasher) -> Path:
    about = {"dataset": "noise", "map": 0.123456789, "split": {"seed": 4, "max_database": None}, "seed": 7}
    save_hasher(make_hasher(about=about), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_a_hasher(model: Path, capsys: Capture) -> None:
    found = facts(capsys, model)
    assert found["kind"] == "hasher" and found["takes"] == "vectors of width 10"
    assert found["gives"] == "codes of 13 bits" and found["method"] == "gcn" and found["ae_width"] == "16"
    assert found["fingerprint"] == load_hasher(model).fingerprint
    assert found["encoder's numbers"] == f"{10 + 10 * 16 + 16 + 16 * 13 + 13:,}"
    assert found["origin: test map"] == "0.123457" and found["origin: split.seed"] == "4"
    assert "origin: split.max_database" not in found
    assert "filter_order" not in found and "filter" not in found


def test_codes_and_their_index(model: Path, capsys: Capture) -> None:
    folder = model.parent
    features = np.random.default_rng(0).normal(size=(60, 10))
    np.savez(folder / "data.npz", features=features, labels=["a", "b"] * 30)
    codes = folder / "codes.npz"
    assert main(["encode", str(model), str(folder / "data.npz"), "--out", str(codes)]) == 0
    found = facts(capsys, codes)
    expected = load_hasher(model).encode(features)
    assert found["kind"] == "hash codes" and found["items"] == "60" and found["bits"] == "13"
    assert found["distinct codes"] == str(len(np.unique(expected, axis=0)))
    assert found["imbalance of bits"].startswith(f"{np.abs(2 * expected.mean(axis=0) - 1).mean():.3f} ")
    assert found["classes"] == "2" and found["source"] == str(folder / "data.npz")
    assert found["hasher's fingerprint"] == load_hasher(model).fingerprint and found["hasher: method"] == "gcn"
    assert found["hasher's origin: dataset"] == "noise" and found["index"].startswith("none yet")
    assert main(["search", str(model), str(codes), str(codes)]) == 0
    assert "codes.faiss" in (index := facts(capsys, codes)["index"]) and "anew" not in index
    (folder / "codes.faiss").write_bytes(b"junk")
    assert "anew" in facts(capsys, codes)["index"]
    assert load_codes(codes).items.class_names == ("a", "b")


def test_a_data_set(capsys: Capture) -> None:
    found, digits = facts(capsys, "digits"), load_dataset("digits")
    assert found["kind"] == "data set" and found["items"] == "1,797" and found["classes"] == "10"
    assert found["fingerprint"] == digits.fingerprint and found["picture"] == "8 by 8 pixels"
    assert found["default split"] == "by seed 0: 300 queries, 1,497 database, 1,497 trained on"
    assert found["queries with an exact duplicate trained on"] == "0" and found["zero vectors"] == "0"
    assert facts(capsys, "digits", "--split-seed", "3")["default split"].startswith("by seed 3: 300 queries")


def test_duplicates_leaks_and_what_an_embedding_file_says_of_itself(
    tmp_path: Path, capsys: Capture, recwarn: pytest.WarningsRecorder
) -> None:
    features = np.random.default_rng(0).normal(size=(40, 3))
    features[30:33] = features[:3]
    about = {"backbone": "resnet", "preprocessing": {"size": 224, "crop": True}, "seconds": 1.5}
    arrays = {"features": features, "labels": np.arange(40) % 2, "is_query": np.arange(40) >= 30}
    np.savez(tmp_path / "mine.npz", about=np.array(json.dumps(about)), **arrays)
    for what, more in ((tmp_path / "mine.npz", []), ("mine", ["--data-dir", str(tmp_path)])):
        found = facts(capsys, what, *more)
        assert found["duplicate items"] == "3" and found["queries with an exact duplicate trained on"] == "3"
        assert found["default split"] == "official: 10 queries, 30 database, 30 trained on"
        assert found["about: backbone"] == "resnet" and found["about: preprocessing.size"] == "224"
        assert found["about: preprocessing.crop"] == "yes" and found["about: seconds"] == "1.5"
    assert not [warning for warning in recwarn if "duplicate" in str(warning.message)]
    for spoilt in (np.array("{"), np.array([{}], dtype=object)):
        np.savez(tmp_path / "mine.npz", about=spoilt, **arrays)
        assert facts(capsys, tmp_path / "mine.npz")["about"] == "cannot be read"


def test_a_data_set_that_cannot_be_split(tmp_path: Path, capsys: Capture) -> None:
    np.savez(tmp_path / "mine.npz", features=np.random.default_rng(0).normal(size=(3, 2)), labels=[0, 0, 1])
    assert facts(capsys, tmp_path / "mine.npz")["default split"].startswith("none (")


def test_vectors_without_labels(tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "m.npy", np.ones((7, 3), np.float16))
    found = facts(capsys, tmp_path / "m.npy")
    assert found["kind"] == "vectors without labels" and found["items"] == "7" and found["width"] == "3"
    assert found["type"] == "float16"
    np.savez(tmp_path / "m.npz", features=np.ones((7, 3)), about=np.array('{"backbone": "vit"}'))
    assert facts(capsys, tmp_path / "m.npz")["about: backbone"] == "vit"


@pytest.mark.parametrize(
    "name", ["none.safetensors", "junk.safetensors", "none.npz", "junk.npz", "junk.npy", "nowhere"]
)
def test_bad_input_is_one_line(name: str, tmp_path: Path, capsys: Capture) -> None:
    for junk in ("junk.safetensors", "junk.npz", "junk.npy"):
        (tmp_path / junk).write_bytes(b"junk")
    assert main(["info", str(tmp_path / name) if "." in name else name]) == 2
    error = capsys.readouterr().err
    assert name in error and error.count("\n") == 1 and error.startswith("error: ")


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "hasher", "info", "digits"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
