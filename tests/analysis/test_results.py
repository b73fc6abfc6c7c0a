"""One results object a data set: everything in it is worked out once, whoever asks; and the data found again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import analysis.results
import analysis.study_records
from analysis.data import recorded_fingerprints, studied_data
from analysis.explain import explain
from analysis.report import write_report
from analysis.results import results_of
from analysis.study_records import load_study
from analysis.tables import terminal_table, write_tables
from analysis.tables.statistics import intervals_table
from hasher.data import load_dataset, make_splits
from hasher.errors import UserError
from study.plan.tasks import Cell
from tests.analysis.synthetic import make_spec, write_study


@pytest.fixture
def small(tmp_path):
    spec = make_spec(methods=["gcn", "none"], trials=3, replicates=3)
    return load_study(write_study(tmp_path, spec))


def test_tables_report_and_explain_share_everything(small, monkeypatch):
    calls = Counter()

    def count(name):
        original = getattr(analysis.results, name)

        def counted(*arguments, **more):
            calls[name] += 1
            return original(*arguments, **more)

        monkeypatch.setattr(analysis.results, name, counted)

    for name in ("bootstrap_interval", "compare_rows", "per_query", "summarise", "chance_scores", "ladder"):
        count(name)
    opened = Counter()
    read = analysis.study_records.read_evaluation

    def counted_reading(path):
        opened[path] += 1
        return read(path)

    monkeypatch.setattr(analysis.study_records, "read_evaluation", counted_reading)
    write_tables(small)
    write_report(small)
    for cell in results_of(small, "digits").cells:
        Console(quiet=True).print(explain(small, cell))
    Console(quiet=True).print(terminal_table(small, "digits"))
    cells = (2 + 3) * 2 + 2  # methods by code lengths, and references
    assert calls == {
        "bootstrap_interval": cells, "per_query": cells, "compare_rows": 2, "summarise": 1, "chance_scores": 1,
        "ladder": 4,
    }  # fmt: skip
    assert len(opened) == len(list(small.folder.path.glob("evaluations/*/*.npz"))) and set(opened.values()) == {1}


def test_whoever_asks_gets_the_same_object_and_other_records_another(small):
    assert results_of(small, "digits") is results_of(small, "digits")
    assert results_of(replace(small), "digits") is not results_of(small, "digits")


def test_the_winners_are_those_of_the_study_best_first(small):
    winners = results_of(small, "digits").winners
    assert len(winners) == 4 and winners["map"].is_monotonic_decreasing and (winners["shortfall"] == 0).all()
    for method, bits, index in winners[["method", "bits", "index"]].itertuples(index=False, name=None):
        assert small.winner(Cell("digits", method, bits))["index"] == index


def test_there_is_no_interval_where_the_table_has_none(tmp_path):
    spec = make_spec(datasets=["vectors.npz"], methods=["gcn"], bits=[16], trials=1, replicates=2)
    results = results_of(load_study(write_study(tmp_path, spec)), "vectors")
    shown = {row[0].raw: row for row in intervals_table(results).rows}
    for cell in results.cells:
        interval = results.interval(cell)
        assert (interval is None) == (shown[cell.method][-1].text == "too few replicates")
        if interval is not None:
            assert shown[cell.method][-3].raw == f"{interval.low:.9g}"
    assert results.interval(Cell("vectors", "gcn", 16)) is None
    assert results.interval(Cell("vectors", "float_cosine", 0)) is not None


def test_the_data_are_those_that_were_studied(small):
    found, data = studied_data(small, "digits"), load_dataset("digits")
    assert found.dataset.fingerprint == data.fingerprint
    assert recorded_fingerprints(small, "digits") == [data.fingerprint]
    expected = make_splits(data, small.spec.datasets[0].split_config(small.spec.split_seed)).final
    assert np.array_equal(found.split.queries, expected.queries)


@pytest.mark.parametrize("where", ["everywhere", "in one run"])
def test_other_data_are_refused(small, where):
    other = small.records["data_fingerprint"].copy()
    other.iloc[slice(None) if where == "everywhere" else 3] = "another"
    with pytest.raises(UserError, match=r"^digits: not the data that was studied \(its fingerprint differs\)$"):
        studied_data(replace(small, records=small.records.assign(data_fingerprint=other)), "digits")


@pytest.mark.parametrize("said", ["nothing", "no such column"])
def test_records_that_do_not_say_which_data_they_are_of_refuse_none(small, said):
    records = small.records.drop(columns="data_fingerprint")
    records = records if said == "no such column" else records.assign(data_fingerprint=pd.NA)
    silent = replace(small, records=records)
    assert recorded_fingerprints(silent, "digits") == [] and studied_data(silent, "digits").dataset.name == "digits"
