"""What lies behind the means, against the records and arrays counted by hand."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest

from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables.formats import to_csv
from analysis.tables.queries import FAILED, metrics_table, query_tables
from analysis.tables.table import MISSING
from hasher.data import load_dataset
from hasher.retrieval.metrics import PRINCIPAL
from tests.analysis.degenerate import STUDIES
from tests.analysis.synthetic import make_spec, write_study

BITS = 32


def rows_of(table):
    return list(csv.DictReader(io.StringIO(to_csv(table))))


@pytest.fixture(scope="module")
def study(study_folder):
    return load_study(study_folder)


@pytest.fixture(scope="module")
def tables(study):
    return {table.name: table for table in query_tables(results_of(study, "digits"))}


def by_query(study, method):
    """Mean over replicates, from the files themselves."""
    cell = results_of(study, "digits").cell(method, BITS)
    runs = range(1 if method in ("pca_sign", "float_cosine") else study.spec.replicates)
    return np.mean([study.evaluation("test", cell, index)["map_by_query"] for index in runs], axis=0)


def queries(study):
    return study.evaluation("test", results_of(study, "digits").cell("gcn", BITS), 0)["query_index"]


def test_scores_that_no_other_table_has_are_there(study):
    rows = {(row["method"], row["bits"]): row for row in rows_of(metrics_table(results_of(study, "digits")))}
    own = study.records.query("dataset == 'digits' and kind == 'test' and method == 'gcn' and bits == 32")
    for score in PRINCIPAL:
        mean, spread = own[score.name].mean(), own[score.name].std()
        assert rows["gcn", "32"][score.name] == f"{mean:.3f} ± {spread:.3f}"
    assert rows["float_cosine", "any"]["precision_at_radius_2"] == MISSING
    older = dataclasses.replace(study, records=study.records.assign(ndcg=np.nan))
    (row, *_) = rows_of(metrics_table(results_of(older, "digits")))
    assert [score.name for score in PRINCIPAL if score.name not in row] == ["ndcg"]


def test_classes_are_means_over_their_queries(study, tables):
    labels = load_dataset("digits").labels[queries(study)]
    rows = rows_of(tables["classes"])
    assert sorted(row["class"] for row in rows) == sorted(map(str, range(10)))
    methods = [name for name in rows[0] if name not in ("class", "queries")]
    assert methods == results_of(study, "digits").compared
    overall = []
    for row in rows:
        of_class = labels == int(row["class"])
        assert int(row["queries"]) == of_class.sum()
        for method in ("gcn", "float_cosine"):
            assert float(row[method]) == pytest.approx(by_query(study, method)[of_class].mean(), rel=1e-8)
        overall.append(np.mean([float(row[method]) for method in methods]))
    assert overall == sorted(overall)


def test_an_item_counts_in_each_of_its_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = rng.random((200, 3)) < 0.4
    labels[:2] = [[True, True, False], [False, False, True]]
    np.savez("scenes.npz", features=rng.normal(size=(200, 8)), labels=labels,
             class_names=np.array(["sea", "sky", "boat"]))  # fmt: skip
    path = write_study(tmp_path, make_spec(datasets=["scenes.npz"], methods=["gcn"], trials=1), queries=60)
    written = load_study(path)
    study = dataclasses.replace(written, records=written.records.drop(columns="data_fingerprint"))
    results = results_of(study, "scenes")
    assert [results.query_classes.of(item) for item in (0, 1)] == ["sea, sky", "boat"]
    scores = np.mean([study.evaluation("test", results.cell("gcn", BITS), run)["map_by_query"] for run in range(4)], 0)
    table = next(table for table in query_tables(results) if table.name == "classes")
    rows = {row["class"]: row for row in rows_of(table)}
    for place, name in enumerate(("sea", "sky", "boat")):
        expected = [score for score, has in zip(scores, labels[:, place], strict=False) if has]
        assert int(rows[name]["queries"]) == len(expected)
        assert float(rows[name]["gcn"]) == pytest.approx(sum(expected) / len(expected), rel=1e-8)
    assert table.notes[1] == "A query counts in each of its classes."


def test_the_hardest_are_those_where_the_best_method_is_worst(study, tables):
    scores = np.array([by_query(study, method) for method in results_of(study, "digits").compared])
    best, rows = scores.max(axis=0), rows_of(tables["hardest-queries"])
    found = list(queries(study))
    places = [found.index(int(row["query"])) for row in rows]
    assert sorted(best)[: len(rows)] == pytest.approx([float(row["highest"]) for row in rows])
    assert [float(row["mean"]) for row in rows] == pytest.approx([scores[:, place].mean() for place in places])
    labels = load_dataset("digits").labels
    assert [row["class"] for row in rows] == [str(labels[int(row["query"])]) for row in rows]
    assert f"Of {(best < FAILED).sum()} of 300 queries" in tables["hardest-queries"].notes[0]


def test_agreement_is_a_rank_correlation(study, tables):
    """Kendall's by counting pairs (no ties in noise), Spearman's as Pearson's of ranks."""
    rows = {row["method"]: row for row in rows_of(tables["agreement"])}
    ours, theirs = by_query(study, "gcn"), by_query(study, "fourier")
    first, second = np.triu_indices(len(ours), 1)
    kendall = np.mean(np.sign(ours[first] - ours[second]) * np.sign(theirs[first] - theirs[second]))
    spearman = np.corrcoef(ours.argsort().argsort(), theirs.argsort().argsort())[0, 1]
    assert float(rows["fourier"]["gcn"]) == pytest.approx(kendall)  # GCN stands before Fourier
    assert float(rows["gcn"]["fourier"]) == pytest.approx(spearman)
    assert rows["gcn"]["gcn"] == "1"


def test_data_that_are_not_here_have_no_classes_and_say_so(study):
    found = {table.name: table for table in query_tables(results_of(study, "vectors"))}
    assert list(found) == ["hardest-queries", "agreement"]
    assert any("vectors.npz" in note for note in found["hardest-queries"].notes)
    assert {row["class"] for row in rows_of(found["hardest-queries"])} == {MISSING}


def test_without_scores_by_query_there_is_no_table(tmp_path):
    assert query_tables(results_of(load_study(STUDIES["bare"](tmp_path)), "vectors")) == []
