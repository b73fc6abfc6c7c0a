"""From a folder of photos without classes to the neighbours of a new photo: embed, train, search."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hasher.__main__ import main
from hasher.data import load_dataset
from hasher.errors import UserError
from hasher.images.pixels import colour_16
from hasher.model_file import load_hasher, save_hasher
from hasher.search import contact_sheet
from hasher.search.contact_sheet import Tile

PIXELS = "hasher.images.pixels:colour_16"
COUNT = 40


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return colour_16().preprocess(picture.convert("RGB"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A flat folder of noise, three photos beside it, and a hasher trained on the folder."""
    rng = np.random.default_rng(0)
    for name in [*(f"photos/{number:02d}.png" for number in range(COUNT)), "new.png", "new 2.png", "other/cat/x.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(path)
    monkeypatch.chdir(tmp_path)
    assert main(["embed", "photos", "--backbone", PIXELS, "--out", "photos.npz"]) == 0
    assert (
        main(["train", "photos.npz", "--bits", "16", "--epochs", "2", "--ae-width", "16", "--model", "m.safetensors"])
        == 0
    )
    return tmp_path


def test_a_hasher_without_labels_is_trained_on_all_and_keeps_its_recipe(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hasher = load_hasher("m.safetensors")
    assert hasher.recipe is not None and hasher.recipe["backbone"] == PIXELS
    assert {"preprocessing", "precision", "max_pixels"} < hasher.recipe.keys() and "listing" not in hasher.recipe
    assert hasher.about["items"] == COUNT and "map" not in hasher.about and hasher.known_split is None
    features = np.load("photos.npz")["features"]
    assert np.allclose(hasher.model.encoder.mean.numpy(), features.mean(axis=0), atol=1e-5)  # of them all
    assert main(["train", "photos.npz", "--bits", "8", "--method", "itq", "--model", "itq.safetensors"]) == 0
    assert "fewer than two classes, so all 40 items are trained on and none is tested" in capsys.readouterr().out
    with pytest.raises(UserError, match="no item has a label"):
        load_dataset("photos.npz")


def test_the_neighbours_of_new_photos(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets: list[list[list[Tile]]] = []
    draw = contact_sheet.draw
    monkeypatch.setattr(contact_sheet, "draw", lambda sheet, title: sheets.append(sheet) or draw(sheet, title))
    files = ["--out", "found.json", "--sheet", "found.png"]
    capsys.readouterr()
    assert main(["search", "m.safetensors", "photos.npz", "new.png", "new 2.png", "-k", "5", *files]) == 0
    out = capsys.readouterr().out
    assert str(here) not in out and "query new.png" in out and "query new 2.png" in out
    hasher = load_hasher("m.safetensors")
    database = hasher.encode(np.load("photos.npz")["features"])
    found = json.loads(Path("found.json").read_text())
    for query, name in enumerate(("new.png", "new 2.png")):
        distances = (database != hasher.encode(pixels(here / name)[None])).sum(axis=1)
        nearest = np.argsort(distances, kind="stable")[:5]
        rows = [row for row in found if row["query_path"] == name]
        assert [row["item"] for row in rows] == nearest.tolist()
        assert [row["distance"] for row in rows] == distances[nearest].tolist()
        assert [row["item_path"] for row in rows] == [f"photos/{item:02d}.png" for item in nearest]
        assert all(tile.verdict == "unknown" and tile.picture.pixels is not None for tile in sheets[0][query][1:])
    with Image.open("found.png") as image:
        assert image.width > 500


def test_every_way_to_name_photos_gives_the_same_codes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"photos/{number:02d}.png\n" for number in range(COUNT))))
    assert main(["encode", "m.safetensors", "photos.npz", "--out", "a.npz"]) == 0
    expected = np.load("a.npz")["codes"]
    for words in (["photos"], ["photos/*.png"], ["-"], [f"photos/{number:02d}.png" for number in range(COUNT)]):
        assert main(["encode", "m.safetensors", *words, "--out", "b.npz"]) == 0
        assert np.array_equal(np.load("b.npz")["codes"], expected)
        assert list(np.load("b.npz")["paths"]) == [f"photos/{number:02d}.png" for number in range(COUNT)]


def test_one_class_folder_and_the_file_of_a_photo_are_embedded(here: Path) -> None:
    assert main(["embed", "other", "--backbone", PIXELS, "--out", "one.npz"]) == 0
    assert list(np.load("one.npz")["labels"]) == ["cat"]
    assert main(["embed", "new.png", "photos/0*.png", "--backbone", PIXELS, "--out", "few.npz"]) == 0
    few = np.load("few.npz")
    assert len(few["features"]) == 11 and (few["labels"] == "").all() and few["paths"][0] == "new.png"
    assert np.array_equal(few["features"][0], pixels(here / "new.png"))


def test_a_photo_that_is_none_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.png").write_bytes(b"?")
    for word, says in [("broken.png", "broken.png: cannot be decoded"), ("none.png", "none.png: no such file")]:
        assert main(["search", "m.safetensors", "photos.npz", word]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and says in error and error.count("\n") == 1
    assert main(["search", "m.safetensors", "photos.npz", "broken.png", "new.png"]) == 0
    assert "warning: broken.png: left out, cannot be decoded" in capsys.readouterr().err


def test_a_hasher_of_other_vectors_takes_no_photos(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hasher = load_hasher("m.safetensors")
    hasher.about.pop("recipe")
    save_hasher(hasher, Path("bare.safetensors"))
    assert main(["search", "bare.safetensors", "photos.npz", "new.png"]) == 2
    assert "new.png: images, but bare.safetensors does not say how" in capsys.readouterr().err


def test_a_backbone_that_changed_is_warned_about(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hasher = load_hasher("m.safetensors")
    for key, value, says in [
        ("revision", "earlier", "has another revision (earlier then, "),
        ("backbone", "no_such_module:build", "no_such_module cannot be imported"),
    ]:
        hasher.about["recipe"][key] = value
        save_hasher(hasher, Path("other.safetensors"))
        code = main(["search", "other.safetensors", "photos.npz", "new.png"])
        assert code == (2 if key == "backbone" else 0) and says in capsys.readouterr().err
