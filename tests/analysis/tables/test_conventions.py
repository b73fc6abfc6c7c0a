"""The same rankings by other conventions, and studies that were run before these were recorded."""

import numpy as np
import pandas as pd
import pytest

from analysis.report_facts import data_table, scores_table
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables.conventions import conventions_table, has_conventions
from analysis.tables.documents import documents, render_tables
from analysis.tables.scores import main_table
from analysis.verify import verify
from hasher.retrieval.metrics import ADDED
from tests.analysis.synthetic import make_spec, write_study


def small(runs, **changes):
    return write_study(runs, make_spec(methods=["gcn"], bits=[16], trials=2, replicates=2, **changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small(tmp_path_factory.mktemp("runs"), datasets=["vectors.npz"])


def test_entries_are_means_of_the_records(folder):
    study = load_study(folder)
    table = conventions_table(results_of(study, "vectors"))
    names = [column.name for column in table.columns]
    assert "map_at_1000" in names and "map_at_5000" not in names  # 1,248 items are searched
    tested = study.records[(study.records["kind"] == "test") & (study.records["method"] == "gcn")]
    (row,) = (row for row in table.rows if row[0].in_csv == "gcn")
    for name, entry in list(zip(names, row, strict=True))[2:]:
        assert float(entry.in_csv) == pytest.approx(tested[name].mean(), abs=1e-8)
    assert len(table.rows) == len(study.cells("vectors"))
    assert "vectors-conventions.md" in {path.name for path in render_tables(study)}


def without_new_scores(folder):
    """As a version wrote it that did not know these scores."""
    records = pd.read_csv(folder / "records.csv")
    records.drop(columns=list(ADDED)).to_csv(folder / "records.csv", index=False)
    for path in folder.rglob("evaluations/**/*.npz"):
        with np.load(path) as arrays:
            kept = {name: arrays[name] for name in arrays.files if name.removesuffix("_by_query") not in ADDED}
        np.savez(path, **kept)
    return folder


def test_a_study_of_an_older_version_is_read_and_has_no_such_table(tmp_path):
    study = load_study(without_new_scores(small(tmp_path, datasets=["vectors.npz"])))
    results = results_of(study, "vectors")
    assert not has_conventions(results)
    assert "conventions" not in {document.name for document in documents(study, "vectors")}
    table = conventions_table(results)
    for row in table.rows:
        assert all(entry.text == "–" for column, entry in zip(table.columns, row, strict=True) if column.name in ADDED)
    assert len(scores_table(study).rows) == 5
    assert [problem for problem in verify(study) if "missing" not in problem] == []  # files of tables were not written


def test_another_split_is_said(tmp_path):
    datasets = [{"source": "vectors.npz", "unseen_classes": 0.25, "max_training": 5000}]
    study = load_study(small(tmp_path, datasets=datasets))
    notes = [*main_table(results_of(study, "vectors")).notes, *data_table(study).notes]
    unseen = "of 25% of the classes (drawn by the split seed) of which nothing is trained on"
    assert sum(unseen in one for one in notes) == 2
    assert sum("Trained on 5,000 labelled items at most" in one for one in notes) == 2
    usual = load_study(small(tmp_path / "usual", datasets=["vectors.npz"]))
    assert not data_table(usual).notes
