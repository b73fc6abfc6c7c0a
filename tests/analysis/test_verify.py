"""`verify` is silent where everything follows from the records, and names whatever does not."""

import shutil

import numpy as np
import pandas as pd
import pytest

from analysis.study_records import load_study
from analysis.tables import write_tables
from analysis.verify import verify
from tests.analysis.degenerate import STUDIES
from tests.analysis.synthetic import in_journal, make_spec, write_study

SPEC = make_spec(datasets=["vectors.npz"], methods=["gcn", "none"], bits=[16], trials=5, replicates=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = write_study(tmp_path_factory.mktemp("runs"), SPEC, ledger_in=in_journal)
    write_tables(load_study(path))
    return path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / whole.name)


def lines(path):
    return verify(load_study(path))


def alter(path, kind, column, value, index=0, method="gcn"):
    records = pd.read_csv(path / "records.csv", dtype={"commit": str})
    row = (records["kind"] == kind) & (records["method"] == method) & (records["index"] == index)
    assert row.sum() == 1
    records.loc[row, column] = value(records.loc[row, column].item()) if callable(value) else value
    records.to_csv(path / "records.csv", index=False)


def test_a_whole_study_verifies(whole):
    assert lines(whole) == []


@pytest.mark.parametrize("name", STUDIES)
def test_studies_with_gaps_verify(name, tmp_path):
    path = STUDIES[name](tmp_path)
    write_tables(load_study(path))
    found = lines(path)
    if name == "bare":  # its evaluations and curves were taken away
        assert found and all("missing" in line or "no curve" in line for line in found)
    else:
        assert found == []


@pytest.mark.parametrize("ledger", ["with", "without"])
@pytest.mark.parametrize(
    ("kind", "column", "value", "says"),
    [
        ("test", "map", lambda old: old + 1e-4, "map is"),
        ("test", "map_at_k", lambda old: old - 1e-4, "map_at_k is"),
        ("test", "precision_at_radius_2", 0.1, "precision_at_radius_2 is"),
        ("test", "map_real_valued", lambda old: old + 1e-4, "map_real_valued is"),
        ("test", "map_real_valued", float("nan"), "map_real_valued is"),
        ("test", "queries", 59, "queries is"),
        ("test", "learning_rate", 0.5, "has learning_rate 0.5, the winner"),
        ("test", "epochs", 1, "has 1 epochs, the winner"),
        ("test", "state", "sleeping", "has state sleeping"),
        ("test", "seed", 1, "has seed 1, the study gives it"),
        ("search", "map", lambda old: old + 1e-4, "the best of its curve"),
        ("search", "index", 77, "not part of the study"),
        ("search", "index", 1, "there twice"),
        ("search", "device_seconds", lambda old: old + 1, "cost.csv"),
    ],
)
def test_an_altered_record_is_named(copy, ledger, kind, column, value, says):
    if ledger == "without":
        (copy / "journal.log").unlink()
    alter(copy, kind, column, value)
    found = lines(copy)
    assert any(says in line for line in found), found
    if column not in ("device_seconds", "index"):
        assert any("gcn" in line for line in found)


def test_a_changed_loser_of_the_search_is_found_by_the_journal(copy):
    """No table and no curve shows the hyperparameters of a trial that lost."""
    winner = load_study(copy).winner(load_study(copy).cells("vectors")[0])["index"]
    alter(copy, "search", "knn_size", 5, index=(winner + 1) % 3)
    found = lines(copy)
    assert len(found) == 1 and "knn_size 5" in found[0] and "journal.log" in found[0]


def test_a_record_that_is_gone(copy):
    records = pd.read_csv(copy / "records.csv")
    records[1:].to_csv(copy / "records.csv", index=False)
    assert any("journal.log has it" in line for line in lines(copy))


def test_a_changed_evaluation(copy):
    path = copy / "evaluations" / "vectors" / "gcn-16-1.npz"
    arrays = dict(np.load(path))
    arrays["map_by_query"][0] += 0.01
    np.savez_compressed(path, **arrays)
    found = lines(copy)
    assert any(line.startswith("evaluations/vectors/gcn-16-1.npz: map is") for line in found)
    path.unlink()
    assert any("gcn-16-1.npz: missing" in line for line in lines(copy))


def test_a_real_valued_score_without_its_queries(copy):
    path = copy / "evaluations" / "vectors" / "gcn-16-0.npz"
    arrays = dict(np.load(path))
    del arrays["map_real_valued_by_query"]
    np.savez_compressed(path, **arrays)
    changed, only = lines(copy)
    assert changed == "evaluations/vectors/gcn-16-0.npz: not the evaluation that the run left"
    assert only.startswith("evaluations/vectors/gcn-16-0.npz: no scores by query that map_real_valued 0.")
    alter(copy, "test", "map_real_valued", float("nan"))
    (copy / "journal.log").unlink()
    assert {line.split(":")[0] for line in lines(copy)} == {
        f"tables/vectors{name}"
        for name in (*(f"-{table}.{kind}" for table in ("ladder", "metrics") for kind in ("csv", "md", "tex")), ".tex")
    }


def test_a_changed_table(copy):
    path = copy / "tables" / "vectors.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("gcn,0.", "gcn,1."), encoding="utf-8")
    (copy / "tables" / "vectors-cost.md").unlink()
    first, second = sorted(lines(copy))
    assert first.startswith("tables/vectors-cost.md: missing") and second.startswith(
        "tables/vectors.csv: line 2 is 'gcn,1."
    )
    assert "the records give 'gcn,0." in second


def test_line_ends_do_not_count(copy):
    path = copy / "tables" / "vectors.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert lines(copy) == []


def test_reading_does_not_change_the_journal(copy):
    before = (copy / "journal.log").read_bytes()
    lines(copy)
    assert (copy / "journal.log").read_bytes() == before
