"""Pictures of letters, from the fonts that come with matplotlib: what is drawn or left out, and what is a family."""

from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from benchmarks import glyphs
from benchmarks.glyph_faces import CHARACTERS, MARGIN, SIZE, Face, NotLatin, draw_face, family_of, file_safe, read_face
from benchmarks.glyphs import CLASSES, Drawn, drawn_faces, first_of_all, font_files, similarities, write_pictures
from hasher.errors import UserError
from hasher.images.folder import open_folder
from hasher.images.groups import compiled, named_items

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SANS, BOLD, SERIF = (FONTS / f"DejaVu{name}.ttf" for name in ("Sans", "Sans-Bold", "Serif"))


def changed(path: Path, glyphs_of: dict[str, str | None]) -> Path:
    """DejaVu Sans in `path` with other glyphs for some characters; None is no glyph."""
    with TTFont(SANS) as font:
        for table in font["cmap"].tables:
            for character, glyph in glyphs_of.items():
                if glyph is None:
                    table.cmap.pop(ord(character), None)
                elif ord(character) in table.cmap:
                    table.cmap[ord(character)] = glyph
        font.save(path)
    return path


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    """Faces of three files."""
    return drawn_faces([SERIF, BOLD, SANS])[0]


def test_what_a_file_says_of_itself() -> None:
    assert read_face(SANS) == Face(SANS, "DejaVu Sans", 400, italic=False, narrow=False)
    assert read_face(BOLD).weight == 700 and read_face(FONTS / "DejaVuSans-Oblique.ttf").italic
    files = [FONTS / f"DejaVuSans{cut}.ttf" for cut in ("-BoldOblique", "-Oblique", "-Bold", "")]
    ranked = sorted((read_face(path) for path in files), key=lambda face: face.rank)
    assert [face.path for face in ranked] == files[::-1]


def test_names() -> None:
    assert family_of("Linux Libertine O") == "Linux Libertine" and family_of("Pro") == "Pro"
    assert file_safe("It wasn't me") == "It-wasn-t-me" and file_safe("Karla[wght]") == "Karla-wght"


def test_a_face_is_drawn_at_one_size_on_one_base_line_inside_of_the_margin() -> None:
    pictures = draw_face(read_face(SANS))
    assert pictures.shape == (62, SIZE, SIZE) and pictures.dtype == np.uint8
    ink = {each: picture < 128 for each, picture in zip(CHARACTERS, pictures, strict=True)}
    rows = {each: np.flatnonzero(mask.any(axis=1)) for each, mask in ink.items()}
    columns = {
        each: np.flatnonzero((picture < 255).any(axis=0)) for each, picture in zip(CHARACTERS, pictures, strict=True)
    }
    assert len({rows[each][-1] for each in "HEITxi1"}) == 1  # what stands on the base line
    assert len({rows[each][0] for each in "HEIT"}) == 1 and 30 <= len(rows["H"]) <= 38
    assert len(rows["c"]) < 0.85 * len(rows["C"]) and rows["g"][-1] > rows["x"][-1]
    for each in CHARACTERS:
        assert abs(columns[each][0] + columns[each][-1] - (SIZE - 1)) <= 1, each  # in the middle
    edge = np.ones((SIZE, SIZE), dtype=bool)
    edge[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    assert (pictures[:, edge] == 255).all()


@pytest.mark.parametrize(
    ("glyphs_of", "says"),
    [
        ({"Q": None, "7": None}, "lacks Q7"),
        ({"Q": ".notdef"}, "lacks Q"),
        ({"Q": "space"}, "a character draws nothing"),
        ({each: each.upper() for each in "abcdefghijklmnopqrstuvwxyz"}, "its small letters are capitals"),
    ],
)
def test_faces_without_the_letters_are_left_out(tmp_path: Path, glyphs_of: dict[str, str | None], says: str) -> None:
    path = changed(tmp_path / "font.ttf", glyphs_of)
    faces, left_out = drawn_faces([path, SANS])
    assert [each.face.path for each in faces] == [SANS] and left_out == [(path, says)]


def test_a_box_that_stands_for_missing_characters_is_none_of_the_letters(tmp_path: Path) -> None:
    with TTFont(SANS) as font:  # a glyph of another name that is drawn as the missing one's
        font["glyf"]["Q"] = font["glyf"][".notdef"]
        font["hmtx"]["Q"] = font["hmtx"][".notdef"]
        font.save(tmp_path / "font.ttf")
    with pytest.raises(NotLatin, match="box of a missing one"):
        draw_face(read_face(tmp_path / "font.ttf"))


def test_what_is_no_font_of_letters_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "text.ttf").write_text("no font")
    files = [FONTS / "STIXNonUni.ttf", FONTS / "STIXSizOneSymReg.ttf", tmp_path / "text.ttf", tmp_path / "missing.otf"]
    faces, left_out = drawn_faces(files)
    assert faces == [] and {path for path, _ in left_out} == set(files)
    reasons = dict(left_out)
    assert reasons[files[0]].startswith("lacks ") and reasons[files[2]].startswith("cannot be read (")


def test_copies_of_a_face_are_left_out_whatever_they_are_called(tmp_path: Path, drawn: list[Drawn]) -> None:
    with TTFont(SANS) as font:
        for record in font["name"].names:
            if record.nameID in (1, 16):
                record.string = "Another"
        font.save(tmp_path / "Another.ttf")
    faces, left_out = drawn_faces([tmp_path / "Another.ttf", SERIF, BOLD, SANS])
    assert {each.face.path.name for each in faces} == {"Another.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf"}
    assert left_out == [(SANS, "looks as another face does")]
    # one typeface under two names is one family, under the first of them
    assert {each.family for each in faces} == {"Another", "DejaVu Serif"}
    assert [each.face.path for each in drawn] == [SANS, BOLD, SERIF]  # by family and rank, whatever order they came in


def test_a_family_whose_name_begins_with_anothers_is_of_it() -> None:
    faces, _ = drawn_faces([FONTS / "DejaVuSansMono.ttf", SANS, SERIF])
    assert [(each.family, each.face.path.stem) for each in faces] == [
        ("DejaVu Sans", "DejaVuSans"), ("DejaVu Sans", "DejaVuSansMono"), ("DejaVu Serif", "DejaVuSerif"),
    ]  # fmt: skip


def test_similarity_is_shared_ink() -> None:
    white = np.full((62, SIZE, SIZE), 255, dtype=np.uint8)
    left, all_over = white.copy(), np.zeros_like(white)
    left[:, :, :32] = 0
    right = left[:, :, ::-1]
    alike = similarities([left, right, all_over])
    assert alike == pytest.approx(np.array([[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]]))


def test_every_family_gives_a_face_before_one_gives_two(drawn: list[Drawn]) -> None:
    assert [each.face.path for each in first_of_all(drawn, 2)] == [SANS, SERIF]
    assert [each.face.path for each in first_of_all(drawn, 9)] == [SANS, SERIF, BOLD]


def test_pictures_are_a_folder_of_classes_whose_groups_are_families(tmp_path: Path, drawn: list[Drawn]) -> None:
    folder = tmp_path / "new" / "glyphs"
    assert write_pictures(drawn, folder) == 3 * 62
    assert len({name.lower() for name in CLASSES}) == 62
    source = open_folder(folder, {})
    assert set(source.class_names) == set(CLASSES) and not source.notes
    assert set(Counter(source.labels.tolist()).values()) == {3}
    groups = named_items((source.path(row) for row in range(len(source))), compiled("([^/]+)__"))
    assert sorted(np.bincount(groups)) == [62, 124]
    picture = Image.open(folder / "lower_g" / "DejaVu-Sans__DejaVuSans-Bold.png")
    assert picture.mode == "L" and np.array_equal(np.asarray(picture), drawn[1].pictures[CHARACTERS.index("g")])
    with pytest.raises(OSError, match="glyphs"):
        write_pictures(drawn, folder)  # what is there stays
    assert [path.name for path in folder.parent.iterdir()] == ["glyphs"]


def test_missing_packages_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dpkg-query is not there|apt-get install") as caught:
        font_files(["fonts-that-nobody-has-made"])
    assert "\n" not in str(caught.value)
    monkeypatch.setattr("sys.argv", ["glyphs", "--out", str(tmp_path / "glyphs")])
    monkeypatch.setattr(glyphs, "font_files", lambda packages: [SANS])
    with pytest.raises(
        SystemExit, match=r"^error: 1 faces, at least 242 are needed; install them with `apt-get"
    ) as stop:
        glyphs.main()
    assert "\n" not in str(stop.value) and not (tmp_path / "glyphs").exists()
