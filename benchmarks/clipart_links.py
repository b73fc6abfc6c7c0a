"""OpenClipart by its finer folders: a folder of links, ``data/images/clipart_fine/<subject>-<finer>/…``.

``python -m benchmarks.clipart_links`` makes it of Debian's package openclipart-png (``apt-get install
openclipart-png``). `embed` takes an image's first folder for its class, and the package has its finer kinds one folder
below, hence the links. Classes are those finer folders that show a kind of thing in about twenty drawings or more, and
of five subjects the drawings that lie in none of these, as ``<subject>-other``.

What is left out, each looked at:

- series of near copies, where a query finds its own variants and nothing is learnt of retrieval: ``computer/icons``
  (themes that draw the same icons over and over), ``computer/buttons``, ``signs_and_symbols/led`` and
  ``shapes/jigsaw`` (few shapes, each in every colour), ``shapes/stars`` (1,378 rings), ``special/gradients`` (blank, or
  nearly so) and ``recreation/games/cards`` (a deck of cards in five styles);
- ``signs_and_symbols/map_symbols``: four in five are the files of ``transportation/aiga-symbols`` again;
- a drawing that is filed under several of the classes, which has no one right answer: all of its copies;
- of a class with more than `MOST` drawings, flags, all but as many, spread evenly over them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.whole_folder import whole_folder
from hasher.errors import UserError

PACKAGE = "openclipart-png"
FOLDER = Path("/usr/share/openclipart/png")

#: Folders that are classes. A drawing is of the innermost of them that it lies in.
CLASSES = (
    "animals/birds", "animals/bugs", "animals/mammals", "buildings/homes", "computer/hardware", "decorations",
    "education/books", "electronics", "food/beverages", "food/breads_and_carbs", "food/desserts", "food/fruit",
    "food/meats_and_eggs", "geography", "geography/astronomy", "office", "people/bodypart", "people/clothing",
    "people/smilies", "people/stickmen", "plants/flowers", "recreation/games", "recreation/holiday", "recreation/music",
    "recreation/party", "recreation/religion", "recreation/sports", "recreation/toys", "shapes/arrows",
    "shapes/callouts", "shapes/flowchart", "signs_and_symbols/clocks", "signs_and_symbols/flags",
    "signs_and_symbols/flags/semaphore", "signs_and_symbols/weather", "special/patterns", "tools", "tools/weapons",
    "transportation/aiga-symbols", "transportation/boating", "transportation/roadsigns", "transportation/vehicles",
)  # fmt: skip

#: Folders inside of classes that are no part of them; too few to be classes, or near copies.
LEFT_OUT = ("office/telephone", "recreation/games/cards", "tools/toys")

#: Drawings taken of a class, so that none decides a mean over queries.
MOST = 150


def chosen_drawings(
    root: Path, classes: Sequence[str], left_out: Sequence[str], most: int
) -> tuple[dict[str, list[Path]], int]:
    """The drawings of every class, in the order of their paths, and how many files in several classes were left out.

    Args:
        root: the folder that `classes` and `left_out` are given from.
        classes: folders; a drawing is of the innermost that it lies in.
        left_out: folders inside of them whose drawings are of no class.
        most: drawings taken of a class at most, spread evenly.

    Returns:
        The paths by class, and a count of files.

    Raises:
        UserError: a folder of `classes` that is not there or of which nothing is left.
    """
    found = {name: _drawings(root, name, [*classes, *left_out]) for name in classes}
    several = _in_several(found)
    taken = {}
    for name, paths in found.items():
        own = [path for path in paths if path not in several]
        if not own:
            raise UserError(f"{root / name}: holds no drawing; is {PACKAGE} installed?")
        count = min(most, len(own))
        taken[name] = [own[place * len(own) // count] for place in range(count)]
    return taken, len(several)


def link_drawings(taken: Mapping[str, Sequence[Path]], root: Path, folder: Path) -> None:
    """Make `folder` of links to the drawings of every class, whole or not at all; raises `OSError` where it cannot."""
    with whole_folder(folder) as filling:
        for name, paths in taken.items():
            for path in paths:
                link = filling / class_folder(name) / path.relative_to(root / name)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path.absolute())


def class_folder(name: str) -> str:
    """The folder of a class: ``<subject>-<finer>``; a subject's own drawings are ``<subject>-other``."""
    return name.replace("/", "-") if "/" in name else f"{name}-other"


def _drawings(root: Path, name: str, folders: Sequence[str]) -> list[Path]:
    """The drawings below `name` that lie in none of the `folders` inside of it."""
    inside = {root / other for other in folders if other.startswith(f"{name}/")}
    paths = (path for path in sorted((root / name).rglob("*.png")) if inside.isdisjoint(path.parents))
    return [path for path in paths if path.is_file()]


def _in_several(found: Mapping[str, Sequence[Path]]) -> set[Path]:
    """Files whose very content lies in more than one class."""
    by_size = defaultdict(list)
    for name, paths in found.items():
        for path in paths:
            by_size[path.stat().st_size].append((name, path))
    several: set[Path] = set()
    for alike in by_size.values():
        if len({name for name, _ in alike}) < 2:  # nothing to read: copies are of one size
            continue
        by_content = defaultdict(list)
        for name, path in alike:
            by_content[hashlib.sha256(path.read_bytes()).digest()].append((name, path))
        for copies in by_content.values():
            if len({name for name, _ in copies}) > 1:
                several |= {path for _, path in copies}
    return several


def main() -> None:
    """Make the links, unless they are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("data/images/clipart_fine"), metavar="FOLDER")
    folder = parser.parse_args().out
    if folder.exists():
        print(f"{folder}: is there already; delete it to make it anew")
        return
    if not FOLDER.is_dir():
        sys.exit(f"error: {FOLDER} is not there; install it with `apt-get install {PACKAGE}`")
    try:
        taken, several = chosen_drawings(FOLDER, CLASSES, LEFT_OUT, MOST)
        link_drawings(taken, FOLDER, folder)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    sizes = sorted(len(paths) for paths in taken.values())
    print(
        f"{folder}: {sum(sizes):,} drawings of {len(sizes)} classes, {sizes[0]} to {sizes[-1]} each; "
        f"{several} files that lie in several classes left out"
    )


if __name__ == "__main__":
    main()
