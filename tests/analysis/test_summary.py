"""One row a cell, against the records taken by hand."""

import math

import pytest

from analysis.names import dataset_label, full_label, in_order, label
from analysis.study_records import load_study
from analysis.summary import AVERAGED, summarise
from tests.analysis.degenerate import holes, not_begun, smallest
from tests.analysis.synthetic import make_spec, write_study


def row(study, method, bits, dataset="digits"):
    table = summarise(study)
    found = table[(table["dataset"] == dataset) & (table["method"] == method) & (table["bits"] == bits)]
    assert len(found) == 1
    return found.iloc[0]


def test_means_deviations_and_counts(study_folder):
    study = load_study(study_folder)
    records = study.records
    for method, bits, kind in (("spline", 32, "test"), ("itq", 16, "test")):
        own = records[(records["dataset"] == "digits") & (records["method"] == method) & (records["bits"] == bits)]
        runs, found = own[own["kind"] == kind], row(study, method, bits)
        for metric in AVERAGED:
            values = runs[metric].tolist()
            mean = sum(values) / len(values)
            assert found[f"{metric}_mean"] == pytest.approx(mean)
            sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
            assert found[f"{metric}_sd"] == pytest.approx(sd, abs=1e-12)
        assert found["device_seconds"] == pytest.approx(own["device_seconds"].sum())
        states = own[own["kind"] == "search"]["state"].tolist()
        assert [found[state] for state in ("complete", "pruned", "diverged")] == [
            states.count(state) for state in ("complete", "pruned", "diverged")
        ]
    assert len(summarise(study)) == 2 * ((6 + 3) * 2 + 2)


def test_what_is_missing_and_why(tmp_path):
    study = load_study(holes(tmp_path))
    assert "no trial complete (4 diverged)" in row(study, "gcn", 16)["missing"]
    assert row(study, "gcn", 32)["missing"] == "not run" and row(study, "gcn", 32)["not_run"] == 4
    assert row(study, "chebyshev", 16)["missing"] == "searched, not yet tested"
    assert row(study, "chebyshev", 32)["missing"] == ""
    assert row(study, "itq", 16)["missing"] == "not run"


def test_a_search_under_way_and_replicates_that_fail(tmp_path):
    def ending(task):
        if task.kind == "search":
            return "complete" if task.cell.method == "gcn" else ("failed" if task.index == 0 else None)
        return "diverged" if task.cell.method == "gcn" else "complete"

    spec = make_spec(datasets=["vectors.npz"], methods=["gcn", "none"], bits=[16, 128], trials=2, replicates=2)
    study = load_study(write_study(tmp_path, spec, ending=ending))
    assert row(study, "gcn", 16, "vectors")["missing"] == "no test run complete (2 diverged)"
    assert row(study, "none", 16, "vectors")["missing"].startswith("search not finished")
    assert row(study, "pca_sign", 128, "vectors")["missing"] == "pca_sign has no 128-bit code on this data"


def test_one_replicate_has_no_deviation_and_nothing_begun_has_no_scores(tmp_path):
    found = row(load_study(smallest(tmp_path)), "gcn", 8)
    assert found["replicates"] == 1 and math.isnan(found["score_sd"]) and not math.isnan(found["score_mean"])
    assert set(summarise(load_study(not_begun(tmp_path)))["missing"]) == {"not run"}


def test_names_and_order():
    assert in_order(["none", "itq", "own", "gcn", "float_cosine", "spline", "gcn"]) == [
        "spline", "gcn", "none", "itq", "float_cosine", "own"
    ]  # fmt: skip
    assert [full_label(name) for name in ("spline", "gcn", "lsh", "own")] == ["Spline (Poly)", "GCN", "LSH", "own"]
    assert (label("chebyshev"), dataset_label("stl10"), dataset_label("own")) == ("Chebyshev", "STL-10", "own")
