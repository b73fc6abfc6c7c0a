"""Reading a study folder: what is there, and one clear line for what is not a study."""

import subprocess
import sys

import pandas as pd
import pytest

from analysis.results import results_of
from analysis.study_records import load_study
from hasher.errors import UserError
from study.plan.tasks import Cell
from tests.analysis.synthetic import make_spec, write_study


@pytest.fixture
def small(tmp_path):
    return write_study(
        tmp_path, make_spec(datasets=["vectors.npz"], methods=["gcn"], bits=[16], trials=4, replicates=3)
    )


def test_everything_is_found(small):
    study = load_study(small)
    cell = Cell("vectors", "gcn", 16)
    assert study.datasets == ["vectors"]
    assert study.runs("search", cell)["index"].tolist() == [0, 1, 2, 3]
    assert study.runs("search", Cell("vectors", "none", 16)).empty
    assert study.evaluation("test", cell, 0)["map_by_query"].shape == (60,)
    assert study.evaluation("test", cell, 99) is None
    assert set(study.curve_rows("search", cell)["index"]) == {0, 1, 2, 3}
    assert [(one.method, one.bits) for one in study.cells("vectors")][:2] == [("gcn", 16), ("lsh", 16)]
    assert [(one.method, one.bits) for one in study.cells("vectors")][-2:] == [
        ("float_cosine", 0),
        ("float_diffusion", 0),
    ]


def test_the_winner_is_the_best_complete_trial_and_the_earlier_of_equals(small):
    cell = Cell("vectors", "gcn", 16)
    records = pd.read_csv(small / "records.csv")
    search = (records["kind"] == "search") & (records["method"] == "gcn")
    records.loc[search, "map"] = [0.5, 0.7, 0.7, 0.9]
    records.loc[search, "state"] = ["complete", "complete", "complete", "pruned"]
    records.sample(frac=1, random_state=0).to_csv(small / "records.csv", index=False)
    assert load_study(small).winner(cell)["index"] == 1
    records.loc[search, "state"] = "diverged"
    records.to_csv(small / "records.csv", index=False)
    assert load_study(small).winner(cell) is None


def test_text_stays_text(tmp_path):
    path = write_study(tmp_path, make_spec(datasets=["null.npz", "2024.npz"], methods=["none"], bits=[16], trials=1))
    study = load_study(path)
    assert set(study.records["dataset"]) == {"null", "2024"}
    assert study.winner(Cell("2024", "none", 16)) is not None
    assert set(study.records["commit"]) == {"0" * 40}
    assert set(study.curves["method"]) == {"none"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: (path / "study.yaml").unlink(), "not a study"),
        (lambda path: (path / "study.yaml").write_text("name: [", encoding="utf-8"), "not valid YAML"),
        (lambda path: (path / "records.csv").unlink(), "no records.csv"),
        (lambda path: (path / "records.csv").write_text("", encoding="utf-8"), "not a table"),
        (lambda path: (path / "records.csv").write_text("a,b\n1,2\n", encoding="utf-8"), "no column dataset"),
    ],
)
def test_one_clear_line(small, spoil, says):
    spoil(small)
    with pytest.raises(UserError, match=says) as raised:
        load_study(small)
    assert str(small) in str(raised.value) and "\n" not in str(raised.value)


def twice(table):
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join([*lines, lines[1]]), encoding="utf-8")


def test_a_run_in_two_rows_gives_no_results(small):
    twice(small / "records.csv")
    study = load_study(small)
    with pytest.raises(UserError, match=r"records\.csv: .* is in two rows, expected one a run"):
        results_of(study, study.datasets[0])


def test_curves_without_a_column_are_one_line(small):
    curves = small / "curves.csv"
    curves.write_text(curves.read_text(encoding="utf-8").replace(",state,", ",stat,", 1), encoding="utf-8")
    study = load_study(small)
    with pytest.raises(UserError, match=r"/curves\.csv: no column state, expected a table"):
        study.curves  # noqa: B018 - read when it is asked for


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_no_directory(tmp_path, name):
    (tmp_path / "file.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="not a study"):
        load_study(tmp_path / name)


def test_ray_is_not_needed(small):
    """The whole command runs where an import of Ray fails."""
    code = (
        "import sys; sys.modules['ray'] = None; "
        "from analysis.command import main; "
        f"sys.exit(main(['explain', {str(small)!r}, 'vectors', 'gcn', '16']) or main(['verify', {str(small)!r}]) - 1)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
