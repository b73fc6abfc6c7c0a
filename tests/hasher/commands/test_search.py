"""``python -m hasher search``: its table against distances counted here, its index file, its contact sheet."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from hasher import HammingIndex, load_hasher
from hasher.__main__ import main
from hasher.data import Items, SplitConfig, Vectors, load_dataset, make_splits
from hasher.errors import UserError
from hasher.model_file import SavedHasher, save_hasher
from hasher.search import contact_sheet, pictures
from hasher.search.codes_file import hash_items
from hasher.search.contact_sheet import FRAMES, Tile, draw, tiles
from hasher.search.pictures import SIDE, Picture
from hasher.search.results import search

BITS = 11


MakeHasher = Callable[..., SavedHasher]


def nearest(database: np.ndarray, queries: np.ndarray, k: int, itself: np.ndarray | None = None) -> np.ndarray:
    """Places of the nearest codes, ties by place; `itself` is a place to leave out for each query."""
    distances = (queries[:, None] != database[None]).sum(axis=2)
    found = []
    for row, order in zip(distances, np.argsort(distances, axis=1, kind="stable"), strict=True):
        left_out = -1 if itself is None else itself[len(found)]
        found.append([(place, row[place]) for place in order if place != left_out][:k])
    return np.array(found)


class Workplace:
    """A folder with a hasher and two labelled data sets, of 40 and 7 items."""

    def __init__(self, folder: Path, hasher: SavedHasher) -> None:
        self.folder = folder
        self.model = folder / "model.safetensors"
        save_hasher(hasher, self.model)
        rng = np.random.default_rng(0)
        self.features = {"db": rng.normal(size=(40, 8)), "q": rng.normal(size=(7, 8))}
        self.labels = {
            "db": np.array(["cat", "dog", "", "owl"] * 10),
            "q": np.array(["dog", "cat", "yak", "", "owl", "cat", "dog"]),
        }
        for name in ("db", "q"):
            self.save(name)

    def save(self, name: str, **more: np.ndarray) -> None:
        np.savez(self.path(name), features=self.features[name], labels=self.labels[name], **more)

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    def codes(self, name: str) -> np.ndarray:
        return load_hasher(self.model).encode(self.features[name])

    def encode(self, name: str, model: Path | None = None) -> Path:
        out = self.folder / f"{name}.codes.npz"
        assert main(["encode", str(model or self.model), str(self.path(name)), "--out", str(out)]) == 0
        return out

    def search(self, database: Path | str, queries: Path | str, *more: str) -> pd.DataFrame:
        out = self.folder / "results.csv"
        assert main(["search", str(self.model), str(database), str(queries), "--out", str(out), *more]) == 0
        return pd.read_csv(out, keep_default_na=False)


@pytest.fixture
def here(tmp_path: Path, make_hasher: MakeHasher) -> Workplace:
    return Workplace(tmp_path, make_hasher(8, BITS))


@pytest.mark.parametrize("database_is_codes", [True, False])
@pytest.mark.parametrize("queries_are_codes", [True, False])
def test_the_table_is_that_of_brute_force(here: Workplace, database_is_codes: bool, queries_are_codes: bool) -> None:
    database = here.encode("db") if database_is_codes else here.path("db")
    queries = here.encode("q") if queries_are_codes else here.path("q")
    table = here.search(database, queries, "-k", "6")
    expected = nearest(here.codes("db"), here.codes("q"), 6)
    assert len(np.unique(expected[:, :, 1])) >= 3  # or it would not matter what is nearest
    assert list(table.columns) == ["query", "rank", "item", "distance", "query_label", "item_label"]
    np.testing.assert_array_equal(table["item"].to_numpy().reshape(7, 6), expected[:, :, 0])
    np.testing.assert_array_equal(table["distance"].to_numpy().reshape(7, 6), expected[:, :, 1])
    np.testing.assert_array_equal(table["rank"].to_numpy().reshape(7, 6), np.tile(np.arange(1, 7), (7, 1)))
    assert (table["query_label"] == here.labels["q"][table["query"]]).all()
    assert (table["item_label"] == here.labels["db"][table["item"]]).all()


def test_what_is_printed(here: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    table = here.search(here.path("db"), here.path("q"), "-k", "10")
    out = capsys.readouterr().out
    assert "… and 4 more queries" in out and "results.csv" in out
    labelled = table["query_label"].isin(["cat", "dog", "owl"]) & (table["item_label"] != "")  # no yak can be found
    correct = labelled & (table["query_label"] == table["item_label"])
    assert f"{100 * correct.sum() / labelled.sum():.1f}%" in out
    assert main(["search", str(here.model), str(here.path("db")), str(here.path("q")), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("query ")][:2] == ["query item 0 (dog)", "query item 1 (cat)"]
    found = [line.split() for line in lines if " d = " in line]
    assert [int(words[0]) for words in found] == [1, 2] * 7
    assert [int(words[-1]) for words in found[:2]] == table["item"][:2].tolist()
    assert max(map(len, (line for line in lines if " d = " in line))) < 40


@pytest.mark.parametrize(("end", "read"), [("json", pd.read_json), ("parquet", pd.read_parquet)])
def test_the_table_as_another_kind_of_file(here: Workplace, end: str, read: Callable[..., pd.DataFrame]) -> None:
    here.save("db", ids=np.array([f"item-{row}" for row in range(40)]))
    here.save("q", ids=np.arange(7) + 100)
    table = here.search(here.path("db"), here.path("q"), "-k", "3")
    assert list(table["item_id"]) == [f"item-{item}" for item in table["item"]]
    assert list(table["query_id"]) == list(table["query"] + 100)
    out = here.folder / f"found.{end}"
    words = ["search", str(here.model), str(here.encode("db")), str(here.path("q")), "-k", "3", "--out", str(out)]
    assert main(words) == 0
    pd.testing.assert_frame_equal(read(out), table, check_dtype=False)


def test_an_item_never_finds_itself(here: Workplace) -> None:
    codes = here.codes("db")
    expected = nearest(codes, codes, 5, itself=np.arange(40))
    file = here.encode("db")
    for database, queries in ((here.path("db"), here.path("db")), (file, here.path("db")), (file, file)):
        table = here.search(database, queries, "-k", "5")
        np.testing.assert_array_equal(table["item"].to_numpy().reshape(40, 5), expected[:, :, 0])
    assert len(here.search(file, file, "-k", "99")) == 40 * 39


def test_more_results_than_items(here: Workplace) -> None:
    assert len(here.search(here.path("db"), here.path("q"), "-k", "99")) == 7 * 40


def test_duplicates_beyond_k_still_leave_k_results(make_hasher: MakeHasher) -> None:
    """Every distance is 0, so that a query may not be among the first k + 1, of which one must go all the same."""
    codes = hash_items(make_hasher(8, BITS), Vectors(np.ones((9, 8)), Items("same", np.arange(9))))
    found = search(HammingIndex.of_packed(codes.packed, BITS), codes, codes, 3).found.items
    assert found.shape == (9, 3)
    for query, items in enumerate(found):
        assert list(items) == [place for place in range(9) if place != query][:3]


def test_the_held_out_queries_search_the_database_only(tmp_path: Path, make_hasher: MakeHasher) -> None:
    digits, config = load_dataset("digits"), SplitConfig(seed=2, test_queries=25)
    path = tmp_path / "model.safetensors"
    save_hasher(make_hasher(64, BITS, 1, {"fingerprint": digits.fingerprint, "split": config.model_dump()}), path)
    out = tmp_path / "r.csv"
    assert main(["search", str(path), "digits:database", "digits:queries", "--out", str(out), "-k", "4"]) == 0
    table, split = pd.read_csv(out), make_splits(digits, config).final
    codes = load_hasher(path).encode(digits.features)
    expected = nearest(codes[split.database], codes[split.queries], 4)
    np.testing.assert_array_equal(table["query"], np.repeat(split.queries, 4))
    np.testing.assert_array_equal(table["item"], split.database[expected[:, :, 0].ravel()])
    assert (table["item_label"] == digits.labels[table["item"]]).all()


def test_the_index_is_kept_beside_the_codes_and_made_anew_for_others(here: Workplace) -> None:
    codes, index = here.encode("db"), here.folder / "db.codes.faiss"
    first = here.search(codes, here.path("q"))
    written = index.read_bytes()
    before = index.stat().st_mtime_ns
    pd.testing.assert_frame_equal(here.search(codes, here.path("q")), first)
    assert index.stat().st_mtime_ns == before  # read and not written
    here.features["db"] = here.features["db"][::-1].copy()
    here.save("db")
    here.encode("db")
    again = here.search(codes, here.path("q"))
    assert index.read_bytes() != written
    np.testing.assert_array_equal(again["distance"], first["distance"])
    index.write_bytes(b"junk")
    pd.testing.assert_frame_equal(here.search(codes, here.path("q")), again)
    index.unlink()
    index.mkdir()  # cannot be written
    pd.testing.assert_frame_equal(here.search(codes, here.path("q")), again)


def test_codes_of_another_hasher_are_refused(
    here: Workplace, make_hasher: MakeHasher, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here.folder / "other.safetensors"
    save_hasher(make_hasher(8, BITS, 1), other)
    foreign = here.encode("db", other)
    for database, queries in ((foreign, here.path("q")), (here.path("q"), foreign)):
        assert main(["search", str(here.model), str(database), str(queries)]) == 2
        error = capsys.readouterr().err
        assert "codes of another hasher" in error and error.count("\n") == 1
    with pytest.raises(UserError, match="encoded by two hashers"):
        mine, theirs = (
            hash_items(each, Vectors(np.ones((2, 8)), Items(name, np.arange(2))))
            for name, each in (("a", make_hasher(8)), ("b", make_hasher(8, seed=1)))
        )
        search(HammingIndex.of_packed(mine.packed, mine.bits), mine, theirs, 1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["-k", "0"], "-k: must be at least 1"),
        (["--sheet-queries", "0"], "--sheet-queries: must be at least 1"),
        (["--sheet", "sheet.gifx"], "sheet.gifx: no picture format"),
        (["--out", "found.txt"], "--out found.txt: no table of this kind, expected a name that ends in .csv, .json"),
        (["--sheet", "{folder}/sheet.png"], "needs the `paths` of images, or embeddings that are pixels"),
        (["--out", "{folder}/q.npz/r.csv"], "q.npz"),
    ],
)
def test_bad_input_is_one_line(here: Workplace, more: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(here.model), str(here.path("db")), str(here.path("q"))]
    assert main(["search", *arguments, *(each.format(folder=here.folder) for each in more)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and error.startswith("error: ")


def test_three_lines_of_python(here: Workplace) -> None:
    hasher = load_hasher(str(here.model))
    index = HammingIndex(hasher.encode(here.features["db"]))
    found = index.search(hasher.encode(here.features["q"]), 10)
    expected = nearest(here.codes("db"), here.codes("q"), 10)
    np.testing.assert_array_equal(found.items, expected[:, :, 0])
    np.testing.assert_array_equal(found.distances, expected[:, :, 1])


# Contact sheets


def write_images(folder: Path, count: int) -> np.ndarray:
    """Plain colours in files, the first two of them no images; the red value of the others is their number."""
    paths = []
    for row in range(count):
        path = folder / f"image {row}.png"
        Image.new("RGB", (30, 20), (row, 255, 0)).save(path)
        paths.append(path.name)
    (folder / paths[0]).write_bytes(b"no image")
    (folder / paths[1]).unlink()
    return np.array(paths)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_sheet_of_images_on_disk(here: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    here.save("db", paths=write_images(here.folder, 40))
    here.save("q", paths=np.array([f"image {row}.png" for row in range(10, 17)]))
    drawn: list[tuple[list[list[Tile]], Figure]] = []

    def record(sheet: list[list[Tile]], title: str) -> Figure:
        drawn.append((sheet, draw(sheet, title)))
        return drawn[-1][1]

    monkeypatch.setattr(contact_sheet, "draw", record)
    sheet_path = here.folder / "sheet.png"
    codes = here.encode("db")  # paths are kept with codes
    table = here.search(codes, here.path("q"), "-k", "5", "--sheet", str(sheet_path), "--images", str(here.folder))
    with Image.open(sheet_path) as image:
        assert image.format == "PNG" and image.width > 800
    ((sheet, figure),) = drawn
    assert len(sheet) == 7 and all(len(row) == 6 for row in sheet)
    for query, row in enumerate(sheet):
        assert row[0].picture.pixels is not None and row[0].verdict == "query"
        assert row[0].picture.pixels[0, 0, 0] == 10 + query
        results = table[table["query"] == query]
        for tile, (_, result) in zip(row[1:], results.iterrows(), strict=True):
            if result["item"] in (0, 1):
                assert tile.picture.pixels is None and tile.picture.problem
            else:
                assert tile.picture.pixels is not None and tile.picture.pixels[0, 0, 0] == result["item"]
            assert tile.note == f"d = {result['distance']}"
            known = result["query_label"] in ("cat", "dog", "owl") and result["item_label"]
            right = result["query_label"] == result["item_label"]
            assert tile.verdict == (("right" if right else "wrong") if known else "unknown")
            assert tile.name == (result["item_label"] or Path(result["item_path"]).stem)
    shown = [tile for row in sheet for tile in row]
    assert sum(text.startswith("✗ ") for text in texts(figure)) == sum(tile.verdict == "wrong" for tile in shown) > 0
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and not patch.get_fill()]
    for tile, frame in zip(shown, frames, strict=True):
        assert matplotlib.colors.to_hex(frame.get_edgecolor()).lower() == FRAMES[tile.verdict]["edgecolor"].lower()


def test_images_that_are_nowhere_are_one_line(here: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    here.save("db", paths=np.array([f"{row}.png" for row in range(40)]))
    arguments = ["search", str(here.model), str(here.path("db")), str(here.path("db"))]
    assert main([*arguments, "--sheet", str(here.folder / "sheet.png")]) == 2
    assert "its images are not there, 0.png for one; --images says" in capsys.readouterr().err
    assert not (here.folder / "sheet.png").exists()


def test_codes_of_pixels_hold_no_pictures(
    tmp_path: Path, make_hasher: MakeHasher, capsys: pytest.CaptureFixture[str]
) -> None:
    path, codes = tmp_path / "model.safetensors", tmp_path / "codes.npz"
    save_hasher(make_hasher(64), path)
    sheet = ["--sheet", str(tmp_path / "sheet.pdf"), "-k", "3", "--sheet-queries", "2"]
    assert main(["encode", str(path), "digits", "--out", str(codes)]) == 0
    assert main(["search", str(path), str(codes), "digits", *sheet]) == 2
    assert "digits: a contact sheet needs" in (error := capsys.readouterr().err) and "name the data instead" in error
    assert main(["search", str(path), "digits", "digits", *sheet]) == 0
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


def test_pixels_are_drawn_dark_on_white() -> None:
    features = np.array([[0, 1, 2, 4, 0, 0], [3, 3, 3, 3, 3, 3]], np.float32)
    picture = pictures.from_pixels(features, (2, 3))
    expected = np.repeat(np.array([[255, 191, 127], [0, 255, 255]])[:, :, None], 3, axis=2)
    found = picture(0).pixels
    assert found is not None and np.abs(found.astype(int) - expected).max() <= 1
    assert (picture(1).pixels == 255).all()


@pytest.mark.parametrize("kind", ["large", "transparent", "grey16", "upright"])
def test_images_are_shown_small_upright_and_on_white(kind: str, tmp_path: Path) -> None:
    path, size, save = tmp_path / "image.png", (400, 100), {}
    image = Image.new("RGB", size, "red")
    if kind == "transparent":
        image = Image.new("RGBA", size, (0, 0, 0, 0))
    elif kind == "grey16":
        image = Image.fromarray(np.full((100, 400), 65535, np.uint16))
    elif kind == "upright":
        exif = Image.Exif()
        exif[0x0112] = 6  # stored lying on its side
        save = {"exif": exif}
    image.save(path, **save)
    pixels = pictures.from_files(np.array(["image.png"]), tmp_path)(0).pixels
    assert pixels is not None and max(pixels.shape[:2]) == SIDE
    assert pixels.shape == ((SIDE, SIDE // 4, 3) if kind == "upright" else (SIDE // 4, SIDE, 3))
    colour = [255, 255, 255] if kind in ("transparent", "grey16") else [255, 0, 0]
    assert (pixels == colour).all()


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:60]), lambda path: path.unlink()])
def test_what_gives_no_picture_gives_a_reason(spoil: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (50, 50)).save(path)
    spoil(path)
    found = pictures.from_files(np.array([str(path)]), Path())(0)
    assert found.pixels is None and found.problem


def test_an_enormous_image_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("1", (20_000, 10_000)).save(path)
    found = pictures.from_files(np.array([str(path)]), Path())(0)
    assert found.pixels is None and "20000 × 10000" in found.problem


@pytest.mark.parametrize("name", ["$100$ & 50%", "a_very_long_name_of_a_class", "日本", "\\frac{", ""])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    sheet = [[Tile(Picture(None, f"cannot be read ({name * 20})"), name, "query 1", "query")]]
    contact_sheet.save(draw(sheet, name), tmp_path / "sheet.svg")
    assert (tmp_path / "sheet.svg").stat().st_size > 1000


def test_queries_of_a_sheet_are_spread_over_all(make_hasher: MakeHasher) -> None:
    vectors = Vectors(np.random.default_rng(3).normal(size=(100, 8)), Items("x", np.arange(100)))
    codes = hash_items(make_hasher(8, BITS), vectors)
    results = search(HammingIndex.of_packed(codes.packed, BITS), codes, codes, 20)
    sheet = tiles(results, lambda item: Picture(None, "-"), lambda item: Picture(None, "-"), 4)
    assert [row[0].note for row in sheet] == ["query 0", "query 33", "query 66", "query 99"]
    assert all(len(row) == 1 + contact_sheet.MOST_RESULTS for row in sheet)
    assert [tile.name for tile in sheet[1][1:]] == [f"item {item}" for item in results.found.items[33, :12]]
    assert (
        len(tiles(results, lambda item: Picture(None), lambda item: Picture(None), 1000)) == contact_sheet.MOST_QUERIES
    )
