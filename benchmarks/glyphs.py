"""Letters and digits of Debian's fonts: 62 classes, one picture a face and character, some 16,000 in all.

``python -m benchmarks.glyphs`` draws them into ``data/images/glyphs/<class>/<family>__<face>.png``, 64 × 64 pixels,
grey, black on white. The faces are those of the packages listed here, whatever else is installed, so that another
machine with the same packages has the same pictures::

    apt-get install --no-install-recommends fonts-adf-accanthis fonts-adf-baskervald …  (the command prints the whole)

Classes are ``upper_A`` to ``digit_9``, which no file system takes for one another. What comes before ``__`` is the
group: a typeface may be in a file's name as several families ("Accanthis ADF", "Accanthis ADF Std No2") or be the copy
of another's, so families are joined where one's name begins with the other's or where two of their faces look alike.
Of the faces that look the same one is taken. Every family gives a face, regular before bold before italic, then every
one a second, and so on, until there are `FACES`.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.glyph_faces import CHARACTERS, Face, NotLatin, draw_face, file_safe, read_face
from benchmarks.whole_folder import whole_folder
from hasher.errors import UserError

#: Packages of text faces, most of one family. What is derived from these, or they from, is not among them.
PACKAGES = (
    "fonts-adf-accanthis", "fonts-adf-baskervald", "fonts-adf-berenis", "fonts-adf-gillius", "fonts-adf-ikarius",
    "fonts-adf-irianis", "fonts-adf-libris", "fonts-adf-oldania", "fonts-adf-romande", "fonts-adf-switzera",
    "fonts-adf-tribun", "fonts-adf-universalis", "fonts-anonymous-pro", "fonts-arapey", "fonts-averia-sans-gwf",
    "fonts-averia-serif-gwf", "fonts-b612", "fonts-cabin", "fonts-cantarell", "fonts-cardo", "fonts-clear-sans",
    "fonts-cmu", "fonts-comfortaa", "fonts-comic-neue", "fonts-courier-prime", "fonts-crosextra-caladea",
    "fonts-dancingscript", "fonts-dejavu-core", "fonts-dkg-handwriting", "fonts-dosis", "fonts-dustin",
    "fonts-ebgaramond", "fonts-essays1743", "fonts-eurofurence", "fonts-fanwood", "fonts-georgewilliams",
    "fonts-gfs-didot", "fonts-gfs-neohellenic", "fonts-go", "fonts-inter", "fonts-jetbrains-mono", "fonts-junicode",
    "fonts-jura", "fonts-karla", "fonts-klaudia-berenika", "fonts-lato", "fonts-league-spartan", "fonts-liberation",
    "fonts-linuxlibertine", "fonts-lobstertwo", "fonts-manrope", "fonts-oldstandard", "fonts-open-sans",
    "fonts-opendyslexic", "fonts-paratype", "fonts-quicksand", "fonts-roboto-unhinted", "fonts-sil-gentiumplus",
    "fonts-urw-base35", "fonts-vollkorn",
)  # fmt: skip
INSTALL = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"

#: Faces drawn, and fewer than which something is missing: 62 pictures each.
FACES, FEWEST = 260, 242

#: Overlap of two faces' pictures above which one is a copy of the other, and above which their families are one. The
#: closest of faces that have nothing to do with each other, bold sans-serifs, have 0.89.
COPY, RELATED = 0.95, 0.9

CLASSES = tuple(
    f"{'digit' if each.isdigit() else 'upper' if each.isupper() else 'lower'}_{each}" for each in CHARACTERS
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A face, its pictures (62, 64, 64) and the family it is counted to."""

    face: Face
    pictures: NDArray[np.uint8]
    family: str


def drawn_faces(files: Iterable[Path]) -> tuple[list[Drawn], list[tuple[Path, str]]]:
    """All faces of Latin letters and digits among `files`, and the files left out, each with the reason.

    The order of `files` does not matter. Faces come by family, and in one by rank; families that are one typeface are
    joined under the first of their names.
    """
    left_out, faces, pictures = [], [], []
    for path in sorted(files):
        try:
            face = read_face(path)
            pictures.append(draw_face(face))
            faces.append(face)
        except NotLatin as error:
            left_out.append((path, str(error)))
    if not faces:
        return [], left_out
    alike = similarities(pictures)
    families = _joined_families([face.family for face in faces], alike)
    order = sorted(range(len(faces)), key=lambda at: (families[at], faces[at].rank, str(faces[at].path)))
    kept: list[int] = []
    names: set[str] = set()
    for at in order:
        name = _stem(families[at], faces[at]).lower()
        if name in names or (kept and alike[at, kept].max() > COPY):
            left_out.append((faces[at].path, "looks as another face does"))
        else:
            kept.append(at)
            names.add(name)
    return [Drawn(faces[at], pictures[at], families[at]) for at in kept], left_out


def similarities(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """How alike faces look, from their pictures (62, 64, 64): (n, n), 1 for the same and 0 for no common ink.

    Of two faces' ink x and y, as values of pixels, it is x·y / (x·x + y·y - x·y).
    """
    common = np.zeros((len(pictures), len(pictures)), dtype=np.float32)
    for at in range(len(CHARACTERS)):  # one at a time: all of them as float32 would be a megabyte a face
        ink = np.stack([255 - each[at].reshape(-1) for each in pictures]).astype(np.float32) / 255
        common += ink @ ink.T
    own = np.diag(common)
    return np.asarray(common / (own[:, None] + own[None, :] - common), dtype=np.float32)


def first_of_all(drawn: Sequence[Drawn], count: int) -> list[Drawn]:
    """`count` of the faces (all, where there are fewer): one of every family, then a second of every one, and so on."""
    place: dict[str, int] = defaultdict(int)
    ranked = []
    for each in drawn:
        ranked.append((place[each.family], each.family, each))
        place[each.family] += 1
    ranked.sort(key=lambda row: row[:2])
    return [each for _, _, each in ranked[:count]]


def write_pictures(drawn: Iterable[Drawn], folder: Path) -> int:
    """Write all characters of the faces as ``<class>/<family>__<face>.png``; the folder appears whole or not at all.

    Returns how many pictures there are. Raises `OSError` where they cannot be written.
    """
    count = 0
    with whole_folder(folder) as filling:
        for name in CLASSES:
            (filling / name).mkdir()
        for each in drawn:
            for name, picture in zip(CLASSES, each.pictures, strict=True):
                Image.fromarray(picture).save(filling / name / f"{_stem(each.family, each.face)}.png")
                count += 1
    return count


def _stem(family: str, face: Face) -> str:
    return f"{file_safe(family)}__{face.name}"


def _joined_families(names: Sequence[str], alike: NDArray[np.float32]) -> list[str]:
    """The family of each face: the first, by the alphabet, of all names that belong to one typeface."""
    families = sorted(set(names))
    number = {name: at for at, name in enumerate(families)}
    pairs = {(number[names[one]], number[names[other]]) for one, other in np.argwhere(alike > RELATED)}
    pairs |= {(number[a], number[b]) for a in families for b in families if b.startswith(f"{a} ")}
    ends = np.array(sorted(pairs)).T
    size = len(families)
    _, component = connected_components(coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(size, size)))
    first: dict[int, str] = {}
    for name, label in zip(families, component, strict=True):
        first.setdefault(label, name)
    return [first[component[number[name]]] for name in names]


def font_files(packages: Sequence[str]) -> list[Path]:
    """The .ttf and .otf files of Debian packages. Raises `UserError` where one of them is not installed."""
    try:
        listed = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(
            "dpkg-query is not there: these are pictures of Debian's fonts, made on Debian or Ubuntu"
        ) from None
    if listed.returncode != 0:
        raise UserError(f"fonts are missing; install them with `{INSTALL}`")
    paths = [Path(line) for line in listed.stdout.splitlines() if line.lower().endswith((".ttf", ".otf"))]
    return sorted({path for path in paths if path.is_file()})


def main() -> None:
    """Draw the pictures, unless they are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data/images/glyphs"), metavar="FOLDER")
    parser.add_argument(
        "--left-out", action="store_true", help="list the font files that are left out, with the reason"
    )
    given = parser.parse_args()
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # dates of 1904 and the like do not matter here
    if given.out.exists():
        print(f"{given.out}: is there already; delete it to make it anew")
        return
    try:
        drawn, left_out = drawn_faces(font_files(PACKAGES))
        chosen = first_of_all(drawn, FACES)
        if len(chosen) < FEWEST:
            raise UserError(f"{len(chosen)} faces, at least {FEWEST} are needed; install them with `{INSTALL}`")
        count = write_pictures(chosen, given.out)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    for path, reason in left_out if given.left_out else []:
        print(f"left out: {path}: {reason}")
    families = len({each.family for each in chosen})
    print(
        f"{given.out}: {count:,} pictures of {len(chosen)} faces of {families} families "
        f"({len(drawn)} faces found, {len(left_out)} files left out)"
    )


if __name__ == "__main__":
    main()
