"""The pictures of nearest neighbours, against a model and distances computed here."""

from __future__ import annotations

import re

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import make_spec, write_study

from analysis import style
from analysis.figures.neighbours import nearest_neighbours
from analysis.results import results_of
from analysis.study_records import load_study
from hasher.data import load_dataset, make_splits
from hasher.hagcn.config import HasherConfig
from hasher.model_file import SavedHasher, save_hasher
from hasher.training.loop import Trainer
from study.plan.tasks import Cell

CELL = Cell("digits", "gcn", 16)


@pytest.fixture(scope="module")
def digits():
    dataset = load_dataset("digits")
    return dataset, make_splits(dataset, make_spec().datasets[0].split_config(0)).final


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits):
    """A study of one cell that has a model, and the model."""
    spec = make_spec(filters=["gcn"], bits=[16], trials=3, replicates=1, epochs=4)
    run = write_study(tmp_path_factory.mktemp("runs"), spec)
    dataset, split = digits
    config = HasherConfig(filter="gcn", bits=16, ae_width=32, epochs=2, start="random", learning_rate=0.001)
    trainer = Trainer(config, dataset.features[split.train], 0, torch.device("cpu"))
    list(trainer.run())
    save_hasher(SavedHasher(trainer.model), load_study(run).run.model(CELL))
    return run, trainer.model.eval()


def test_neighbours_are_the_nearest_codes_and_wrong_ones_are_marked(trained, digits):
    run, model = trained
    dataset, split = digits
    study = load_study(run)
    figure = nearest_neighbours(results_of(study, "digits")).draw()
    rows = np.array_split(np.array(figure.axes), 6)
    precision = study.evaluation("replicate", CELL, 0)["average_precision"]
    shown = [float(re.search(r"AP (-?[\d.]+)", row[0].get_xlabel())[1]) for row in rows]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == pytest.approx((precision.min(), precision.max()), abs=0.005)
    with torch.no_grad():
        codes = (model.encoder(torch.from_numpy(dataset.features.copy())) > 0).numpy()
    marked = 0
    for row in rows:
        query = find(dataset, split.queries, row[0])
        distances = (codes[split.database] ^ codes[query]).sum(axis=1)
        labels = [panel.get_xlabel() for panel in row[1:]]
        assert [int(text.split("d = ")[1]) for text in labels] == sorted(distances)[:8]
        for panel, text in zip(row[1:], labels, strict=True):
            item = find(dataset, split.database, panel)
            assert int(text.split("d = ")[1]) == (codes[item] ^ codes[query]).sum()
            wrong = dataset.labels[item] != dataset.labels[query]
            frame = panel.spines["left"]
            assert text.startswith("✗ ") == wrong
            assert matplotlib.colors.to_hex(frame.get_edgecolor()) == (style.VERMILION if wrong else style.BLUE).lower()
            assert (frame.get_linestyle() in ("-", "solid")) != wrong
            marked += wrong
    assert 0 < marked < 48
    assert f"{marked} of the 48 neighbours shown" in nearest_neighbours(results_of(study, "digits")).sentence


def find(dataset, rows, panel):
    """The item of a data set that a panel shows."""
    picture = np.asarray(panel.images[0].get_array()).ravel()
    return next(int(row) for row in rows if np.array_equal(dataset.features[row], picture))


def test_other_data_than_the_studys_are_not_shown(trained):
    study = load_study(trained[0])
    study.records["data_fingerprint"] = "0" * 64
    figure = nearest_neighbours(results_of(study, "digits"))
    assert figure.drawing is None and "its fingerprint differs" in figure.sentence


def test_data_that_cannot_be_found_are_said_to_be_missing(trained, tmp_path):
    study = load_study(trained[0])
    moved = study.spec.model_copy(
        update={"datasets": [study.spec.datasets[0].model_copy(update={"source": "gone.npz"})]}
    )
    records = study.records.assign(dataset="gone")
    model = study.run.model(Cell("gone", "gcn", 16))
    model.parent.mkdir(parents=True)
    model.write_bytes(study.run.model(CELL).read_bytes())
    (study.run.path / "evaluations" / "gone").symlink_to(study.run.path / "evaluations" / "digits")
    figure = nearest_neighbours(results_of(type(study)(study.run, moved, records), "gone"))
    assert figure.drawing is None
    assert figure.sentence == (
        "Nothing to draw because the data or the model cannot be had (gone.npz: no such file or folder)."
    )


def test_a_cell_without_a_model_is_passed_over_for_the_next_best(trained):
    """The best cell by validation has no model; the other one, which has, is shown."""
    study = load_study(trained[0])
    better = study.records.query("kind == 'search'").assign(method="none", map=0.99, state="complete")
    spec = study.spec.model_copy(update={"filters": ["gcn", "none"]})
    study = type(study)(study.run, spec, pd.concat([study.records, better], ignore_index=True))
    assert "GCN, 16 bits" in nearest_neighbours(results_of(study, "digits")).title
