"""Links to drawings by their finer folders."""

from pathlib import Path

import pytest

from benchmarks import clipart_links
from benchmarks.clipart_links import CLASSES, LEFT_OUT, chosen_drawings, class_folder, link_drawings
from hasher.errors import UserError
from hasher.images.folder import open_folder


def draw(root: Path, **drawings: str) -> Path:
    """Files by path (``__`` for a slash) with these contents."""
    for name, content in drawings.items():
        path = root / f"{name.replace('__', '/')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def names(taken: dict[str, list[Path]], root: Path) -> dict[str, list[str]]:
    return {name: [str(path.relative_to(root).with_suffix("")) for path in paths] for name, paths in taken.items()}


def test_a_drawing_is_of_the_innermost_class_it_lies_in(tmp_path: Path) -> None:
    root = draw(
        tmp_path, a__x__1="1", a__x__deep__2="2", a__x__y__3="3", a__4="4", a__z__5="5", a__x__out__6="6", b__7="7"
    )
    (root / "a" / "x" / "notes.txt").write_text("no drawing")
    taken, several = chosen_drawings(root, ["a", "a/x", "a/x/y"], ["a/x/out"], 9)
    assert several == 0 and names(taken, root) == {
        "a": ["a/4", "a/z/5"], "a/x": ["a/x/1", "a/x/deep/2"], "a/x/y": ["a/x/y/3"],
    }  # fmt: skip


def test_what_is_in_several_classes_is_in_none_and_copies_in_one_stay(tmp_path: Path) -> None:
    root = draw(tmp_path, a__1="same", a__2="own", a__3="own", b__1="same", b__2="else", c__1="same", b__3="size")
    taken, several = chosen_drawings(root, ["a", "b"], [], 9)  # the copy in c is in no class
    assert several == 2 and names(taken, root) == {"a": ["a/2", "a/3"], "b": ["b/2", "b/3"]}


def test_large_classes_are_thinned_evenly(tmp_path: Path) -> None:
    root = draw(tmp_path, **{f"a__{number}": str(number) for number in range(9)}, b__1="b")
    taken, _ = chosen_drawings(root, ["a", "b"], [], 3)
    assert names(taken, root) == {"a": ["a/0", "a/3", "a/6"], "b": ["b/1"]}


def test_a_folder_that_holds_nothing_is_one_line(tmp_path: Path) -> None:
    root = draw(tmp_path, a__1="same", b__1="same")
    for classes in (["missing"], ["a", "b"]):
        with pytest.raises(UserError, match=r"holds no drawing; is openclipart-png installed\?"):
            chosen_drawings(root, classes, [], 9)


def test_links_are_a_folder_of_classes(tmp_path: Path) -> None:
    root = draw(tmp_path / "png", a__x__1="1", a__x__deep__1="2", a__2="3")
    taken, _ = chosen_drawings(root, ["a/x", "a"], [], 9)
    folder = tmp_path / "data" / "fine"
    link_drawings(taken, root, folder)
    source = open_folder(folder, {})
    assert source.class_names == ("a-other", "a-x") and source.files == ["a-other/2.png", "a-x/1.png", "a-x/deep/1.png"]
    assert [source.read(row) for row in range(3)] == [b"3", b"1", b"2"]
    assert (folder / "a-x" / "1.png").readlink() == root / "a" / "x" / "1.png"
    with pytest.raises(OSError, match="fine"):
        link_drawings(taken, root, folder)


def test_the_classes_are_many_and_have_a_folder_each() -> None:
    assert len({class_folder(name) for name in CLASSES}) == len(CLASSES) >= 40
    assert all(any(out.startswith(f"{name}/") for name in CLASSES) for out in LEFT_OUT)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["clipart_links", "--out", str(tmp_path / "fine")])
    monkeypatch.setattr(clipart_links, "FOLDER", tmp_path / "png")
    with pytest.raises(
        SystemExit, match=r"error: .*png is not there; install it with `apt-get install openclipart-png`"
    ):
        clipart_links.main()
