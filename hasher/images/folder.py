"""Images in folders: ``<root>/<class>/…/<image>``, or ``<root>/<split>/<class>/…/<image>``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hasher.data.split_roles import (
    TEST_SPLITS,
    TRAINING_SPLITS,
    UNLABELLED_SPLITS,
    VALIDATION_SPLITS,
    Role,
    default_roles,
)
from hasher.errors import UserError
from hasher.files import read_regular
from hasher.images.sources import UNLABELLED, ImageSource, chosen_roles

#: Ends of file names, in lower case, that are taken for images.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif")
)

SPLIT_NAMES = (*TRAINING_SPLITS, *TEST_SPLITS, *VALIDATION_SPLITS, *UNLABELLED_SPLITS)


@dataclass(frozen=True, eq=False)
class ImageFolder(ImageSource):
    """The images of a folder; `files` are their paths from `root`, classes by name and files by name in a class."""

    root: Path
    files: list[str]

    def path(self, row: int) -> str:
        return str(self.root / self.files[row])

    def stamp(self, row: int) -> str:
        try:
            found = (self.root / self.files[row]).stat()
        except OSError:
            return f"{self.files[row]}: missing"
        return f"{self.files[row]}: {found.st_size} bytes, {found.st_mtime_ns}"

    def read(self, row: int) -> bytes:
        return read_regular(self.root / self.files[row])


class _Listing:
    """Collects images while folders are walked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[str] = []
        self.labels: list[str] = []
        self.is_query: list[bool] = []
        self.other: Counter[str] = Counter()
        self.empty: list[str] = []
        self.loose: list[str] = []

    def folders(self, parent: Path) -> list[Path]:
        """The class (or split) folders of `parent` by name; images beside them are noted, they would have no class."""
        try:
            entries = sorted(entry for entry in parent.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            raise UserError(f"{parent}: cannot be listed ({error.strerror})") from None
        self.loose += [str(entry) for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        return [entry for entry in entries if entry.is_dir()]

    def add(self, folder: Path, label: str, role: Role) -> None:
        """All images below `folder`; an empty `label` is none."""
        before = len(self.files)
        inside = folder.relative_to(self.root)
        for path in files_below(folder):
            suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - there may be millions
            if suffix in SUFFIXES:
                self.files.append(f"{inside}/{path}")
            else:
                self.other[suffix or "no suffix"] += 1
        found = len(self.files) - before
        self.labels += [label] * found
        self.is_query += [role is Role.QUERIES] * found
        if not found:
            self.empty.append(str(folder.relative_to(self.root)))

    def add_loose(self) -> None:
        """The images that lie in the root itself, without a label."""
        self.files = [str(Path(path).relative_to(self.root)) for path in self.loose]
        self.labels, self.is_query = [""] * len(self.files), [False] * len(self.files)
        self.loose = []

    def notes(self) -> tuple[str, ...]:
        lines = []
        if self.loose:
            lines.append(f"{len(self.loose)} images in no class folder left out: {_listed(self.loose)}")
        if self.empty:
            lines.append(f"{len(self.empty)} folders without an image left out: {_listed(self.empty)}")
        if self.other:
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in self.other.most_common(5))
            lines.append(f"{self.other.total()} other files left out: {kinds}")
        return tuple(lines)


def open_folder(root: Path, given: Mapping[str, Role]) -> ImageFolder:
    """The images below `root`; an image's class is the first folder under the root, at whatever depth it lies.

    Where all of the first folders are named as splits are (train, test, …), they are splits and the folders in them
    classes. Images that lie in the root itself, where no folder has any, have no class. Hidden files and folders are
    left out, and a folder reached twice through links is read once.

    Args:
        root: an existing folder.
        given: roles of splits that differ from those their names stand for.

    Raises:
        UserError: no images, or an unknown split in `given`.
    """
    listing = _Listing(root)
    top = listing.folders(root)
    names = [folder.name for folder in top]
    if _are_splits(names):
        roles = chosen_roles(default_roles(names), given, str(root))
        for folder in top:
            _add_split(listing, folder, roles[folder.name])
    else:
        chosen_roles({}, given, str(root))
        for folder in top:
            listing.add(folder, folder.name, Role.DATABASE)
    if not listing.files:
        listing.add_loose()
    if not listing.files:
        raise UserError(f"{root}: holds no images, expected {root}/<class>/<image> or {root}/<image>")
    return _as_source(listing)


def _as_source(listing: _Listing) -> ImageFolder:
    class_names = sorted(set(listing.labels) - {""})
    number = {"": UNLABELLED} | {name: index for index, name in enumerate(class_names)}
    is_query = np.array(listing.is_query)
    return ImageFolder(
        about={"source": str(listing.root), "kind": "image folder", "path": str(listing.root.resolve())},
        class_names=tuple(class_names),
        labels=np.array([number[label] for label in listing.labels], dtype=np.int32),
        is_query=is_query if is_query.any() else None,
        notes=listing.notes(),
        root=listing.root,
        files=listing.files,
    )


def _are_splits(names: list[str]) -> bool:
    usual = all(name.lower() in SPLIT_NAMES for name in names)
    return usual and len(names) > 1 and any(name.lower() in TRAINING_SPLITS for name in names)


def _add_split(listing: _Listing, folder: Path, role: Role) -> None:
    if role is Role.UNLABELLED:
        listing.add(folder, "", role)
    elif role is not Role.LEFT_OUT:
        for each in listing.folders(folder):
            listing.add(each, each.name, role)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def files_below(folder: Path) -> Iterator[str]:
    """Every visible file below `folder`, by its path from there."""
    seen: set[tuple[int, int]] = set()
    start = len(str(folder)) + 1
    for parent, folders, files in os.walk(folder, followlinks=True):
        identity = Path(parent).stat()
        if (identity.st_dev, identity.st_ino) in seen:
            folders.clear()
            continue
        seen.add((identity.st_dev, identity.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = parent[start:] + "/" if parent[start:] else ""
        yield from (inside + name for name in sorted(files) if not name.startswith("."))
