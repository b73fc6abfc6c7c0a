"""The commands from images to a study, and the folders they make on the way."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import images_to_study
from benchmarks.images_to_study import COLLECTIONS, Collection, embed
from benchmarks.whole_folder import whole_folder

Words = tuple[str, ...]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Words]:
    """What would have been run."""
    ran: list[Words] = []
    monkeypatch.setattr(images_to_study, "run", lambda *words: ran.append(words))
    monkeypatch.setattr(images_to_study, "near_copies", lambda name: f"copies of {name}")
    return ran


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_collection_has_a_package_or_a_module_that_makes_it(name: str) -> None:
    collection = COLLECTIONS[name]
    assert bool(collection.package) != bool(collection.made_by)
    assert name in collection.backbones or collection.labelled_as
    if collection.made_by:
        assert callable(import_module(collection.made_by).main)


def test_a_folder_is_made_and_then_embedded_with_every_backbone(commands: list[Words]) -> None:
    collection = COLLECTIONS["glyphs"]
    embed("glyphs", collection)
    rest = ("data/images/glyphs", "--group", "([^/]+)__", "--backbone")
    assert commands == [
        ("-m", "benchmarks.glyphs", "--out", "data/images/glyphs"),
        ("-m", "hasher", "embed", *rest, "benchmarks.efficientnet_lite:build", "--out", "data/glyphs.npz"),
        ("-m", "hasher", "embed", *rest, "hasher.images.pixels:grey_28", "--out", "data/glyphs_pixels.npz"),
    ]


def test_embeddings_get_several_labels_where_a_collection_has_them(tmp_path: Path, commands: list[Words]) -> None:
    embed("some", Collection(str(tmp_path), {"raw": "x:y"}, package="some-images", labelled_as="clipart"))
    assert commands == [
        ("-m", "hasher", "embed", str(tmp_path), "--backbone", "x:y", "--out", "data/raw.npz"),
        ("-m", "benchmarks.several_labels", "clipart"),
    ]


def test_a_missing_package_is_named(tmp_path: Path, commands: list[Words]) -> None:
    with pytest.raises(
        SystemExit, match=r"error: .*nowhere is not there; install it with `apt-get install some-images`"
    ):
        embed("some", Collection(str(tmp_path / "nowhere"), {"some": "x:y"}, package="some-images"))
    assert commands == []


def test_the_study_comes_last_or_not_at_all(monkeypatch: pytest.MonkeyPatch, commands: list[Words]) -> None:
    for more, last in ((), "run_study.py"), (("--embed-only",), "-m"):
        monkeypatch.setattr(sys, "argv", ["images_to_study.py", "fashion_lite0", *more])
        images_to_study.main()
        assert commands[-1][0] == last
    assert commands.count(("run_study.py", "search_spaces/fashion_lite0.yaml")) == 1


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "new" / "folder") as filling:
        (filling / "part").write_text("x")
        raise KeyboardInterrupt
    assert list((tmp_path / "new").iterdir()) == []
    with whole_folder(tmp_path / "new" / "folder") as filling:
        (filling / "part").write_text("x")
        assert not (tmp_path / "new" / "folder").exists()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]
    assert (tmp_path / "new" / "folder" / "part").read_text() == "x"
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o777 == 0o755
    with pytest.raises(OSError, match="folder"), whole_folder(tmp_path / "new" / "folder"):
        pass
