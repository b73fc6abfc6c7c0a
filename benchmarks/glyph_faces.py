"""Font files, read: which are faces of Latin letters, of what family, how heavy, and how their 62 characters look."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits

#: Side of a picture, height of a capital H and the least margin, in pixels.
SIZE, CAPITAL, MARGIN = 64, 38, 2

#: Size at which a face is measured, in pixels an em: large, so that rounding to whole pixels does not matter.
MEASURED_AT = 400

#: Letters whose small form is no small capital letter; of most of them a face without small letters has the capital.
TWO_FORMS = "abdeghnqrt"

#: Overlap of two shapes above which they are one letter in two sizes. Faces of small capitals have 0.677 and more in
#: most of `TWO_FORMS`, all others of the packages 0.657 and less.
SAME_SHAPE = 0.667

#: What ends a family's name and says nothing of the typeface, but of the file's format or its set of characters.
ENDS = ("std", "pro", "o", "text")

#: PANOSE's family kind of symbols and ornaments.
PICTORIAL = 5

#: Files that give letters' code points to ornaments and do not say so.
ORNAMENTS = ("D050000L",)


class NotLatin(Exception):
    """A font file that is no face of Latin letters and digits, and why."""


@dataclass(frozen=True)
class Face:
    """A font file. `weight` is OpenType's, 400 for regular and 700 for bold."""

    path: Path
    family: str
    weight: int
    italic: bool
    narrow: bool

    @property
    def name(self) -> str:
        """The file's stem as a part of file names."""
        return file_safe(self.path.stem)

    @property
    def rank(self) -> tuple[int, bool, bool, int, str]:
        """Sorts the faces of a family: regular, bold, italic, bold italic, then the rest by weight and name."""
        order = {(400, False): 0, (700, False): 1, (400, True): 2, (700, True): 3}
        usual = 4 if self.narrow else order.get((self.weight, self.italic), 4)
        return usual, self.narrow, self.italic, abs(self.weight - 400), self.path.name


def read_face(path: Path) -> Face:
    """What a .ttf or .otf file says of itself.

    Raises:
        NotLatin: a file that is no font, a font of symbols, or one that lacks one of `CHARACTERS`.
    """
    try:
        with TTFont(path, lazy=True) as font:
            cmap = font.getBestCmap()
            names, style, mac_style = font["name"], font["OS/2"], font["head"].macStyle
            family = names.getBestFamilyName() or path.stem
            subfamily = (names.getBestSubFamilyName() or "").lower()
            weight, selection, width = style.usWeightClass, style.fsSelection, style.usWidthClass
            pictorial = style.panose.bFamilyType == PICTORIAL or path.stem in ORNAMENTS
    except Exception as error:  # fontTools raises whatever its parsers do; all of it is a file that cannot be used
        raise NotLatin(f"cannot be read ({type(error).__name__})") from None
    if pictorial or cmap is None:
        raise NotLatin("symbols")
    missing = "".join(each for each in CHARACTERS if cmap.get(ord(each), ".notdef") == ".notdef")
    if missing:
        raise NotLatin(f"lacks {missing}")
    italic = bool(selection & 1 or mac_style & 2) or any(word in subfamily for word in ("italic", "oblique"))
    weight = 700 if (selection & 32 or mac_style & 1) and weight < 600 else weight
    return Face(path, family_of(family), weight, italic, width < 5)


def family_of(name: str) -> str:
    """A family's name without `ENDS`, so that "Linux Libertine Mono O" begins with the name of "Linux Libertine O"."""
    words = name.split()
    while len(words) > 1 and words[-1].lower() in ENDS:
        words.pop()
    return " ".join(words)


def file_safe(name: str) -> str:
    """`name` with letters, digits and single hyphens only, for parts of file names that underscores divide."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def draw_face(face: Face) -> NDArray[np.uint8]:
    """The face's `CHARACTERS`: uint8 (62, 64, 64), black (0) on white (255).

    All of a face are drawn at one size and on one base line, a capital H being 38 pixels high or, where any character
    would then reach over the edge, as much as leaves all of them inside; from left to right each is in the middle.
    Glyphs that were each scaled to one height could not be told apart: c from C, o from O and 0.

    Raises:
        NotLatin: a character that draws nothing or the box of a missing one, or a face without small letters.
    """
    try:
        large = ImageFont.truetype(face.path, MEASURED_AT, layout_engine=ImageFont.Layout.BASIC)
        boxes = np.array([large.getbbox(each, anchor="ls") for each in CHARACTERS], dtype=np.float64)
        left, top, right, bottom = boxes.T
        if not ((right > left) & (bottom > top)).all():
            raise NotLatin("a character draws nothing")
        scale = _scale(boxes)
        font = ImageFont.truetype(face.path, MEASURED_AT * scale, layout_engine=ImageFont.Layout.BASIC)
        base = _base_line(top.min() * scale, bottom.max() * scale)
        drawn = np.stack([_draw(font, each, base) for each in CHARACTERS])
    except OSError as error:  # FreeType's
        raise NotLatin(f"cannot be drawn ({error})") from None
    _check(drawn, _draw(font, "\U0010fffd", base))
    return drawn


def _scale(boxes: NDArray[np.float64]) -> float:
    """From the size at which `boxes` (62, left, top, right, bottom) were measured to the one that is drawn."""
    left, top, right, bottom = boxes.T
    capital = bottom[CHARACTERS.index("H")] - top[CHARACTERS.index("H")]
    room = SIZE - 2 * MARGIN - 1  # less what hinting and rounding add
    return float(min(CAPITAL / capital, room / (right - left).max(), room / (bottom.max() - top.min())))


def _base_line(top: float, bottom: float) -> int:
    """The base line that faces have in common, or the one nearest to it that keeps `top` and `bottom` inside."""
    usual = (SIZE + CAPITAL) // 2
    return int(np.clip(usual, np.ceil(MARGIN - top), np.floor(SIZE - MARGIN - bottom)))


def _draw(font: ImageFont.FreeTypeFont, character: str, base: int) -> NDArray[np.uint8]:
    """The character on the base line, its ink in the middle; white where it has none."""
    wide = Image.new("L", (3 * SIZE, SIZE), 255)  # ink may lie left of where a character begins, and far right of it
    ImageDraw.Draw(wide).text((SIZE, base), character, fill=0, font=font, anchor="ls")
    drawn = np.asarray(wide)
    columns = np.flatnonzero((drawn < 255).any(axis=0))
    start = (columns[0] + columns[-1] + 1 - SIZE) // 2 if len(columns) else 0
    return drawn[:, start : start + SIZE]


def _check(drawn: NDArray[np.uint8], missing: NDArray[np.uint8]) -> None:
    if (drawn.min(axis=(1, 2)) > 127).any():
        raise NotLatin("a character draws nothing")
    if (drawn == missing).all(axis=(1, 2)).any():
        raise NotLatin("a character draws the box of a missing one")
    shapes = {each: _shape(picture) for each, picture in zip(CHARACTERS, drawn, strict=True)}
    alike = sum(_overlap(shapes[each], shapes[each.upper()]) >= SAME_SHAPE for each in TWO_FORMS)
    if alike > len(TWO_FORMS) // 2:
        raise NotLatin("its small letters are capitals")


def _shape(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """A glyph's ink (0 to 1) stretched to a square, whatever its size was."""
    ink = 255 - picture
    rows, columns = np.flatnonzero(ink.max(axis=1)), np.flatnonzero(ink.max(axis=0))
    cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return np.asarray(cut.resize((32, 32), Image.Resampling.BILINEAR), dtype=np.float64) / 255


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Ink that two shapes share, of the ink that either has: 1 for the same, 0 for none."""
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())
