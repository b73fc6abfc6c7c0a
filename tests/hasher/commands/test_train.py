"""``python -m hasher train``: its lines, its CSV, its model, and what it says of a mistake."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hasher.__main__ import main
from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.model_file import load_hasher
from hasher.scoring import encode_split, score_codes


@pytest.fixture
def embeddings(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    labels = np.arange(120) % 3
    features = rng.normal(size=(3, 8))[labels] * 2 + rng.normal(size=(120, 8))
    np.savez(tmp_path / "mine.npz", features=features, labels=labels)
    return tmp_path / "mine.npz"


def train(embeddings: Path, *more: str) -> int:
    folder = embeddings.parent
    small = ["--bits", "8", "--ae-width", "16", "--epochs", "3", "--batch-size", "32"]
    files = ["--csv", str(folder / "runs.csv"), "--model", str(folder / "model.safetensors")]
    return main(["train", str(embeddings), *small, *files, *more])


def test_it_trains_tests_and_saves(embeddings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(embeddings, "--filter", "spline") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["1/3", "2/3", "3/3"]
    assert all("loss" in line and "validation mAP" in line for line in lines[:3])
    row = pd.read_csv(embeddings.parent / "runs.csv").iloc[0]
    assert f"mAP {row['map']:.4f}" in lines[3]
    dataset = load_dataset(str(embeddings))
    split = make_splits(dataset, SplitConfig()).final
    saved = load_hasher(embeddings.parent / "model.safetensors")
    assert saved.about["fingerprint"] == dataset.fingerprint and SplitConfig(**saved.about["split"]) == SplitConfig()
    encoder = saved.model.encoder
    found = score_codes(dataset, split, *encode_split(encoder, dataset, split), 200)
    assert found.map == pytest.approx(row["map"], abs=1e-12)
    assert row["method"] == "spline" and row["state"] == "complete" and row["filter_order"] == 8


def test_rows_are_appended(embeddings: Path) -> None:
    assert train(embeddings, "--filter", "gcn") == 0 and train(embeddings, "--filter", "none", "--seed", "1") == 0
    rows = pd.read_csv(embeddings.parent / "runs.csv")
    assert list(rows["method"]) == ["gcn", "none"] and list(rows.seed) == [0, 1]


def test_divergence_is_a_row_and_exit_code_1(embeddings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(embeddings, "--learning-rate", "1e25") == 1
    assert "diverged" in capsys.readouterr().out
    assert list(pd.read_csv(embeddings.parent / "runs.csv").state) == ["diverged"]
    assert not (embeddings.parent / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["--max-training", "30"], SplitConfig(max_training=30)),
        (["--unseen-classes", "2"], SplitConfig(unseen_classes=2)),
        (["--unseen-classes", "0.3", "--max-training", "30"], SplitConfig(unseen_classes=0.3, max_training=30)),
    ],
)
def test_it_is_split_as_a_study_would(
    embeddings: Path, arguments: list[str], config: SplitConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(180) % 9
    np.savez(embeddings, features=rng.normal(size=(9, 8))[labels] * 2 + rng.normal(size=(180, 8)), labels=labels)
    csv, model = embeddings.parent / "runs.csv", embeddings.parent / "model.safetensors"
    itq = ["--method", "itq", "--bits", "8", "--csv", str(csv), "--model", str(model)]
    assert main(["train", str(embeddings), *itq, *arguments]) == 0
    saved = load_hasher(model)
    assert SplitConfig(**saved.about["split"]) == config
    dataset = load_dataset(str(embeddings))
    splits = make_splits(dataset, config)
    mean = dataset.features[splits.search.train].mean(axis=0)
    np.testing.assert_allclose(saved.model.encoder.mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    found = score_codes(dataset, splits.final, *encode_split(saved.model.encoder, dataset, splits.final), 200)
    assert found.map == pytest.approx(pd.read_csv(csv).iloc[0]["map"], abs=1e-12)
    on_unseen = "test on unseen classes: mAP" in capsys.readouterr().out
    assert on_unseen == (config.unseen_classes is not None)


def test_data_without_classes_are_not_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "bare.npz", features=np.random.default_rng(0).normal(size=(60, 8)))
    assert train(tmp_path / "bare.npz", "--max-training", "30") == 2
    assert "fewer than two classes, so it is not split; leave --max-training out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-training", "1"], "max_training: Input should be greater than or equal to 2, not 1"),
        (["--unseen-classes", "1"], "unseen_classes"),
        (["--unseen-classes", "1.5"], "unseen_classes"),
        (["--unseen-classes", "some"], "unseen_classes"),
        (["--unseen-classes", "2"], "unseen_classes: 2 is twice 2 classes"),
        (["--filter", "gcn", "--filter-order", "3"], "filter_order: gcn has no order"),
        (["--bits", "0"], "bits"),
        (["--device", "abacus"], "device"),
        (["--test-queries", "5000"], "test_queries"),
        (["--test-queries", "0"], "test_queries"),
    ],
)
def test_bad_input_is_one_line(
    embeddings: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(embeddings, *arguments) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and error.startswith("error: ")


def test_a_csv_that_is_none_is_not_overwritten(embeddings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (embeddings.parent / "runs.csv").write_bytes(b"\xff\xfe\x00 not text")
    assert train(embeddings) == 2 and "not a CSV file" in capsys.readouterr().err
    assert (embeddings.parent / "runs.csv").read_bytes().startswith(b"\xff\xfe")
