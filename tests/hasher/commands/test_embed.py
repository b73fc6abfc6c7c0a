"""``python -m hasher embed``: its lines, what a kill leaves, and what it says of a mistake."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from hasher.__main__ import main
from hasher.data import load_dataset
from hasher.data.registry import EMBEDDABLE
from hasher.errors import UserError
from hasher.images.hub import PAPER_DATASETS

PIXELS = "hasher.images.pixels:colour_16"


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(1)
    for number in range(30):
        path = tmp_path / "photos" / ("cat", "dog", "eel")[number % 3] / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def command(images, out, *more, backbone=PIXELS):
    return main(["embed", str(images), "--backbone", backbone, "--out", str(out), *more])


def test_a_folder_becomes_a_file_that_a_study_reads(images, tmp_path, capsys):
    (images / "cat" / "broken.png").write_bytes(b"?")
    assert command(images, tmp_path / "photos.npz") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.pop(0) == f"opening {images} and {PIXELS}"
    assert lines[0] == f"31 images of 3 classes, no official test queries; {PIXELS} on cpu"
    assert re.fullmatch(rf"{tmp_path}/photos\.npz: 30 images, 768 values each \(\d+ images/s\)", lines[1])
    assert lines[2] == f"1 image(s) skipped, all listed in {tmp_path}/photos.npz.skipped.csv:"
    assert lines[3].startswith(f"  {images}/cat/broken.png: cannot be decoded")
    dataset = load_dataset(str(tmp_path / "photos.npz"))
    assert len(dataset) == 30 and dataset.class_names == ("cat", "dog", "eel")
    assert command(images, tmp_path / "photos.npz") == 0
    assert "is there already, made of the same images in the same way" in capsys.readouterr().out


def test_classes_and_limit(images, tmp_path):
    assert command(images, tmp_path / "e.npz", "--classes", "eel", "cat", "--limit", "8") == 0
    dataset = load_dataset(str(tmp_path / "e.npz"))
    assert dataset.class_names == ("cat", "eel") and np.bincount(dataset.labels).tolist() == [4, 4]


def test_a_saved_data_set_keeps_its_official_split(tmp_path):
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (400, 16, 16, 3), np.uint8)
    names = ["cat", "dog"]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    sizes = {"train": slice(0, 150), "test": slice(150, 250), "unlabeled": slice(250, 400)}
    parts = {}
    for name, rows in sizes.items():
        images = [Image.fromarray(each) for each in pixels[rows]]
        labels = (np.arange(400) % 2)[rows]
        parts[name] = datasets.Dataset.from_dict({"image": images, "label": labels}, features=features)
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    assert command(tmp_path / "saved", tmp_path / "e.npz", "--decoders", "8", "--batch-size", "16") == 0
    dataset = load_dataset(str(tmp_path / "e.npz"))
    assert np.array_equal(dataset.features, pixels.reshape(400, 768) / np.float32(255))  # lossless, and in order
    assert np.flatnonzero(dataset.is_query).tolist() == list(range(150, 250))
    assert (dataset.labels[250:] == -1).all()
    assert np.array_equal(dataset.labels[:250], np.arange(250) % 2)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--strict"], "cat/broken.png: cannot be decoded"),
        (["--classes", "cow"], "no class 'cow'; found: cat, dog, eel"),
        (["--batch-size", "0"], "--batch-size 0: expected 1 or more"),
        (["--split", "test"], "--split test: expected NAME=ROLE, with a role out of database, queries"),
        (["--split", "test=queries"], "no split 'test'; found: none"),
        (["--revision", "abc"], "--revision and --config are for data sets on the hub"),
        (["--label-column", "x"], "a folder of images has no columns"),
        (["--pooling", "mean"], "--pooling are for models of transformers"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(images, tmp_path, capsys, more, problem):
    (images / "cat" / "broken.png").write_bytes(b"?")
    assert command(images, tmp_path / "e.npz", *more) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and problem in error and "\n" not in error
    assert not (tmp_path / "e.npz").exists()


def test_sources_that_are_none(images, tmp_path, capsys):
    for source, problem in [
        (tmp_path / "not" / "here", "no such file or folder"),
        (tmp_path / "*.jpg", "finds no images"),
    ]:
        assert command(source, tmp_path / "e.npz") == 2
        assert problem in capsys.readouterr().err
    assert command(images, tmp_path / "e.npy") == 2
    assert "expected a name that ends in .npz" in capsys.readouterr().err


@pytest.mark.parametrize("name", EMBEDDABLE)
def test_a_missing_embedding_file_names_the_command_that_makes_it(name, tmp_path, monkeypatch):
    with pytest.raises(UserError) as caught:
        load_dataset(name, tmp_path / "data")
    words = re.search(r"`python -m hasher (.*)`", str(caught.value)).group(1).split()
    opened = []

    def open_hub(wanted, columns, roles):
        opened.append(wanted)
        raise UserError("no hub in this test")

    monkeypatch.setattr("hasher.images.opening.open_hub", open_hub)
    assert main(words) == 2 and opened == [PAPER_DATASETS[name]]  # the very command is understood
    assert words[-1] == str(tmp_path / "data" / f"{name}.npz")


KILLED = """
import os, signal
from hasher.images.pixels import colour_16

def build():
    pixels, left = colour_16(), [int(os.environ.get("BATCHES", 10**9))]
    class Killed:
        preprocess = staticmethod(pixels.preprocess)
        def __call__(self, batch):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return batch
    return Killed()
"""


def test_a_killed_command_goes_on_and_makes_the_same_file(images, tmp_path, monkeypatch):
    (tmp_path / "killed_in_test.py").write_text(KILLED)
    monkeypatch.syspath_prepend(tmp_path)
    whole, out = tmp_path / "whole.npz", tmp_path / "e.npz"
    monkeypatch.setattr("hasher.images.embedding.SHARD", 8)
    assert command(images, whole, "--batch-size", "4", backbone="killed_in_test:build") == 0
    program = (
        "import sys; from hasher.images import embedding; from hasher.__main__ import main; "
        "embedding.SHARD = 8; main(sys.argv[1:])"
    )
    words = ["embed", str(images), "--backbone", "killed_in_test:build", "--out", str(out), "--batch-size", "4"]
    place = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}", "BATCHES": "5"}
    ended = subprocess.run([sys.executable, "-c", program, *words], env={**os.environ, **place}, check=False)
    assert ended.returncode == -signal.SIGKILL and not out.exists()
    assert len(list((tmp_path / "e.npz.shards").glob("*.npz"))) == 2
    assert command(images, out, "--batch-size", "4", backbone="killed_in_test:build") == 0
    assert out.read_bytes() == whole.read_bytes()


def test_ctrl_c_says_how_to_go_on(images, tmp_path, capsys, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hasher.commands.embed.embed", stopped)
    assert command(images, tmp_path / "e.npz") == 130
    assert f"stopped; the same command goes on from {tmp_path}/e.npz.shards" in capsys.readouterr().out
