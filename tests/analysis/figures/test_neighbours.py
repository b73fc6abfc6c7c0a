"""The pictures of nearest neighbours, against a model and distances computed here."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from analysis.figures.neighbours import NEIGHBOURS, nearest_neighbours
from analysis.results import results_of
from analysis.study_records import load_study
from hasher.contract import epochs_left
from hasher.data import load_dataset, make_splits
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.model_file import SavedHasher, save_hasher
from hasher.search.pictures import from_pixels
from study.plan.tasks import Cell
from tests.analysis.synthetic import make_spec, write_study
from tests.hasher.hashing import method_of, start

CELL = Cell("digits", "gcn", 16)


@pytest.fixture(scope="module")
def digits():
    dataset = load_dataset("digits")
    return dataset, make_splits(dataset, make_spec().datasets[0].split_config(0)).final


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits):
    """A study of one cell that has a model, and the model."""
    spec = make_spec(methods=["gcn"], bits=[16], trials=3, replicates=1, epochs=4)
    run = write_study(tmp_path_factory.mktemp("runs"), spec)
    dataset, split = digits
    config = HAGCNConfig(filter="gcn", bits=16, ae_width=32, epochs=2, start="random", learning_rate=0.001)
    training = start(config, dataset.features[split.train])
    list(epochs_left(training))
    save_hasher(SavedHasher(method_of(config), config, training.model), load_study(run).folder.model(CELL))
    return run, training.model.eval()


def test_neighbours_are_the_nearest_codes_and_wrong_ones_are_marked(trained, digits):
    run, model = trained
    dataset, split = digits
    study = load_study(run)
    shown = nearest_neighbours(results_of(study, "digits"))
    rows = drawn(shown)
    precision = study.evaluation("test", CELL, 0)["map_by_query"]
    stated = [float(row[0].note.removeprefix("AP ")) for row in rows]
    assert len(rows) == 6 and stated == sorted(stated)
    assert (stated[0], stated[-1]) == pytest.approx((precision.min(), precision.max()), abs=0.005)
    with torch.no_grad():
        codes = (model.encoder(torch.from_numpy(dataset.features.copy())) > 0).numpy()
    picture = from_pixels(dataset.features, dataset.image_shape)

    def item_on(tile, rows):
        return next(int(row) for row in rows if np.array_equal(picture(row).pixels, tile.pixels))

    marked = 0
    for row, score in zip(rows, stated, strict=True):
        query = item_on(row[0], split.queries)
        assert score == pytest.approx(precision[list(split.queries).index(query)], abs=0.005)
        distances = (codes[split.database] ^ codes[query]).sum(axis=1)
        assert [int(tile.note.removeprefix("d = ")) for tile in row[1:]] == sorted(distances)[:NEIGHBOURS]
        for tile in row[1:]:
            item = item_on(tile, split.database)
            assert int(tile.note.removeprefix("d = ")) == (codes[item] ^ codes[query]).sum()
            wrong = dataset.labels[item] != dataset.labels[query]
            assert tile.name == f"{'✗ ' if wrong else ''}{dataset.class_names[dataset.labels[item]]}"
            assert tile.colour == ("#d55e00" if wrong else "#0072b2")
            marked += wrong
    assert 0 < marked < 30
    assert f"{marked} of the 30 neighbours shown" in shown.sentence


@dataclass
class Shown:
    """A tile of a contact sheet as it was drawn."""

    pixels: np.ndarray
    name: str
    note: str
    colour: str


def drawn(figure):
    """The tiles of a figure, row by row."""
    (axes,) = figure.draw().axes
    title, legend, *texts = [text.get_text() for text in axes.texts]
    assert figure.title.endswith(title.split(":")[0]) and "d: bits" in legend
    frames = [patch for patch in axes.patches if not patch.get_fill()]
    tiles = [
        Shown(np.asarray(image.get_array()), name, note, matplotlib.colors.to_hex(frame.get_edgecolor()))
        for image, name, note, frame in zip(axes.images, texts[::2], texts[1::2], frames, strict=True)
    ]
    return [tiles[first : first + 1 + NEIGHBOURS] for first in range(0, len(tiles), 1 + NEIGHBOURS)]


@pytest.fixture
def of_images(trained, digits, tmp_path, monkeypatch):
    """The same study on vectors that were made from image files, in a folder of its own; and the files' paths.

    The files are plain colours, of which two values are the number of the item.
    """
    dataset, _ = digits
    data, run = tmp_path / "data", shutil.copytree(trained[0], tmp_path / "run")
    (data / "images").mkdir(parents=True)
    paths = [f"data/images/{row}.png" for row in range(len(dataset))]
    for row, path in enumerate(paths):
        Image.new("RGB", (40, 30), (row // 256, row % 256, 0)).save(tmp_path / path)
    np.savez(data / "digits.npz", features=dataset.features, labels=dataset.labels, paths=np.array(paths))
    spec = load_study(run).spec
    source = spec.datasets[0].model_copy(update={"source": str(data / "digits.npz")})
    study = load_study(run, data)
    monkeypatch.chdir(run)
    return replace(study, spec=spec.model_copy(update={"datasets": [source]})), [tmp_path / path for path in paths]


def test_images_are_shown_where_the_data_name_them(of_images, digits):
    """Their paths start beside the folder of the data, which is not where this runs."""
    study, _ = of_images
    dataset, split = digits
    rows = drawn(nearest_neighbours(results_of(study, "digits")))
    for row in rows:
        items = [int(tile.pixels[0, 0, 0]) * 256 + int(tile.pixels[0, 0, 1]) for tile in row]
        assert items[0] in split.queries and set(items[1:]) <= set(split.database)
        names = [tile.name.removeprefix("✗ ") for tile in row]
        assert names == [dataset.class_names[label] for label in dataset.labels[items]]
        assert all(tile.pixels.shape == (30, 40, 3) for tile in row)
    assert len({tuple(tile.pixels[0, 0]) for row in rows for tile in row}) > 10


def test_an_image_that_is_gone_leaves_a_gap_and_all_of_them_no_figure(of_images):
    study, paths = of_images
    for path in paths[1::2]:
        path.unlink()
    some = nearest_neighbours(results_of(replace(study), "digits"))
    texts = " ".join(text.get_text().replace("\n", " ") for text in some.draw().axes[0].texts)
    assert "No such file or directory" in texts
    for path in paths[::2]:
        path.unlink()
    none = nearest_neighbours(results_of(replace(study), "digits"))
    assert none.drawing is None
    assert re.fullmatch(
        r"Nothing to draw because none of the images to show is there \(data/images/\d+\.png for one\)\.", none.sentence
    )


def test_vectors_that_are_no_pictures_say_so(trained, digits, tmp_path):
    dataset, _ = digits
    np.savez(tmp_path / "digits.npz", features=dataset.features, labels=dataset.labels)
    study = load_study(trained[0])
    source = study.spec.datasets[0].model_copy(update={"source": str(tmp_path / "digits.npz")})
    figure = nearest_neighbours(
        results_of(replace(study, spec=study.spec.model_copy(update={"datasets": [source]})), "digits")
    )
    assert figure.drawing is None and "the items of this data set are no pictures" in figure.sentence


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
    model = study.folder.model(Cell("gone", "gcn", 16))
    model.parent.mkdir(parents=True)
    model.write_bytes(study.folder.model(CELL).read_bytes())
    (study.folder.path / "evaluations" / "gone").symlink_to(study.folder.path / "evaluations" / "digits")
    figure = nearest_neighbours(results_of(replace(study, spec=moved, records=records), "gone"))
    assert figure.drawing is None
    assert figure.sentence == (
        "Nothing to draw because the data or the model cannot be had (gone.npz: no such file or folder)."
    )


def test_a_cell_without_a_model_is_passed_over_for_the_next_best(trained):
    """The best cell by validation has no model; the other one, which has, is shown."""
    study = load_study(trained[0])
    better = study.records.query("kind == 'search'").assign(method="none", map=0.99, score=0.99, state="complete")
    spec = study.spec.model_copy(update={"methods": ["gcn", "none"]})
    study = replace(study, spec=spec, records=pd.concat([study.records, better], ignore_index=True))
    assert results_of(study, "digits").winners["method"].tolist() == ["none", "gcn"]
    assert "GCN, 16 bits" in nearest_neighbours(results_of(study, "digits")).title
