"""The paper's studies on stand-ins for its embedding files, which are found by name; each is odd in its own way."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import run_study
from tests.study.here import runs_here

SPACES = Path(__file__).parents[2] / "search_spaces"
QUERIES, WIDTH = 10, 6


def features(labels: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(labels.max() + 2, WIDTH))[labels] * 2 + rng.normal(size=(len(labels), WIDTH))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Half floats, names and items without a label; a class of one; constant features and a duplicate of a query."""
    folder = tmp_path / "data"
    folder.mkdir()

    def save(name: str, labels: np.ndarray, vectors: np.ndarray) -> None:
        is_query = np.arange(len(labels)) < QUERIES
        np.savez(folder / f"{name}.npz", features=vectors, labels=labels, is_query=is_query)

    labels = np.r_[np.arange(40) % 4, np.full(15, -1)]
    save("stl10", np.array(["bird", "cat", "deer", "dog", ""])[labels], features(labels, 0).astype("f2"))
    labels = np.r_[np.arange(48) % 12, 12]
    save("stanford_cars", labels, features(labels, 1))
    labels = np.arange(60) % 5
    constant = features(labels, 2)
    constant[:, [1, 4]] = 7.7, 0
    constant[-1] = constant[0]
    save("tiny_imagenet", labels, constant)
    return folder


def run(space: str, data: Path, *more: str) -> int:
    where = ["--data-dir", str(data), "--runs-dir", str(data.parent / "runs")]
    return run_study.main([str(SPACES / space), *where, *more])


@pytest.mark.parametrize(("space", "runs"), [("paper.yaml", 90 + 450 + 171), ("paper_tuned.yaml", 3600 + 450 + 171)])
def test_the_plan_is_the_whole_grid(
    tmp_path: Path, space: str, runs: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(space, tmp_path / "data", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert f"0 of {runs} runs done, {runs} left" in printed and not list(tmp_path.iterdir())
    for name in ("stl10", "stanford_cars", "tiny_imagenet"):
        assert sum(line.strip("│ ").startswith(f"{name} ") for line in printed.splitlines()) == (6 + 3) * 5


def test_the_study_runs_on_the_three_files_by_name(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "analysis.report.write_report", lambda study: study.folder.path / "report.html"
    )  # tested elsewhere
    small = ["--epochs", "1", "--replicates", "1", "--bits", "4", "--filters", "spline", "gcn", "none"]
    with runs_here():
        assert run("paper.yaml", data, *small) == 0
    output = capsys.readouterr()
    warnings = [line for line in output.err.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: tiny_imagenet: 1 of 10 queries have an exact duplicate among the items trained on; put duplicates "
        "into one group to keep them together"
    ]
    records = pd.read_csv(data.parent / "runs" / "paper" / "records.csv")
    assert len(records) == 3 * (3 + 3 + 5) and set(records.state) == {"complete"}
    assert records["map"].between(0, 1).all()
    tests = records[records.scored_on == "test"].drop_duplicates("dataset").set_index("dataset")
    assert tests.queries.to_dict() == {"stl10": QUERIES, "stanford_cars": QUERIES, "tiny_imagenet": QUERIES}
    assert tests.train_items.to_dict() == {"stl10": 45, "stanford_cars": 39, "tiny_imagenet": 50}
    assert tests.database_items.to_dict() == {"stl10": 30, "stanford_cars": 39, "tiny_imagenet": 50}
    for name in tests.index:
        table = (data.parent / "runs" / "paper" / "tables" / f"{name}.md").read_text()
        assert "Spline (Poly)" in table and "–" not in table.split("|")[-2]


@pytest.mark.parametrize("name", ["stl10", "stanford_cars", "tiny_imagenet"])
@pytest.mark.parametrize("space", ["paper.yaml", "paper_tuned.yaml"])
def test_a_missing_file_names_the_command_that_makes_it(
    data: Path, space: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / f"{name}.npz"
    file.unlink()
    assert run(space, data) == 2
    assert capsys.readouterr().err == (
        f"error: {name}: {file} does not exist; make it with `python -m hasher embed {name} --out {file}`\n"
    )
    assert not (data.parent / "runs").exists()
