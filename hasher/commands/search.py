"""``python -m hasher search MODEL DATABASE QUERIES``: the items whose codes are nearest, as a table and as pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hasher.commands.encode import add_shared_options, encode_with_progress, means_images, open_hasher, open_vectors
from hasher.console import say
from hasher.data import Vectors
from hasher.errors import UserError
from hasher.files import shown
from hasher.model_file import SavedHasher
from hasher.search import contact_sheet, pictures, table_file
from hasher.search.codes_file import HashedItems, is_codes_file, load_codes
from hasher.search.index import HammingIndex
from hasher.search.listing import listing
from hasher.search.results import Results, search

#: Results that are printed whole; of more, those of the first queries are.
MOST_RESULTS, QUERIES_PRINTED = 60, 3

#: Images looked for before it is said that none is there.
LOOKED_FOR = 100


def add_parser(subparsers: Any, name: str) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        name, help="find the items whose codes are nearest",
        description="An item never finds itself: where QUERIES and DATABASE are the same data, it is left out.",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="a hasher, as `train` or a study saved it (.safetensors)")
    parser.add_argument("database", metavar="DATABASE", help="codes that `encode` wrote, or data as it takes them")
    parser.add_argument("queries", metavar="QUERIES", nargs="+", help="likewise, such as photo.jpg")
    parser.add_argument("-k", type=int, default=10, metavar="K", help="results a query (default 10)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the whole table: .csv, .json or .parquet")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="queries and results as pictures, for images")
    parser.add_argument("--sheet-queries", type=int, default=8, metavar="N", help="queries on the sheet (default 8)")
    parser.add_argument(
        "--images", type=Path, default=Path(), metavar="DIR", help="folder that relative paths of images start from"
    )
    add_shared_options(parser)


def run(given: argparse.Namespace) -> int:
    """Search, then write and print what was found."""
    if given.k < 1 or given.sheet_queries < 1:
        raise UserError(f"{'-k' if given.k < 1 else '--sheet-queries'}: must be at least 1")
    if given.out is not None:
        table_file.check_path(given.out)
    if given.sheet is not None:
        contact_sheet.check_path(given.sheet)
    hasher = open_hasher(given)
    database = _open([given.database], hasher, given)
    queries = database if given.queries == [given.database] else _open(given.queries, hasher, given)
    results = search(_index(database), database.codes, queries.codes, given.k)
    if given.out is not None:
        table_file.save(results.table(), given.out)
    _print(results, given)
    if given.sheet is not None:
        sheet = contact_sheet.tiles(results, _pictures(queries), _pictures(database), given.sheet_queries)
        title = f"{Path(given.model).stem}: nearest of {len(database.codes):,} items by {database.codes.bits}-bit codes"
        contact_sheet.save(contact_sheet.draw(sheet, title), given.sheet)
        say(f"contact sheet in {shown(given.sheet)}")
    return 0


@dataclass(frozen=True, eq=False)
class _Side:
    """Database or queries: codes, the vectors they were just made of or the file they were read from.

    `images` is the folder that relative paths of their images start from.
    """

    codes: HashedItems
    images: Path
    vectors: Vectors | None = None
    file: Path | None = None


def _open(words: Sequence[str], hasher: SavedHasher, given: argparse.Namespace) -> _Side:
    if not is_codes_file(words[0]):
        vectors = open_vectors(words, hasher, given)
        images = Path() if means_images(words, given) else given.images
        return _Side(encode_with_progress(hasher, vectors), images, vectors=vectors)
    path = Path(words[0]).expanduser()
    codes = load_codes(path)
    if codes.hasher != hasher.fingerprint:
        raise UserError(
            f"{path}: codes of another hasher (fingerprint {codes.hasher[:12]}…) than {given.model} "
            f"({hasher.fingerprint[:12]}…); make them again with `python -m hasher encode`"
        )
    return _Side(codes, given.images, file=path)


def _index(database: _Side) -> HammingIndex:
    """The index of the codes; that of a file is kept beside it for other programs, as long as it is of these codes."""
    codes = database.codes
    index = HammingIndex.of_packed(codes.packed, codes.bits)
    path = None if database.file is None else database.file.with_suffix(".faiss")
    if path is not None and not index.is_kept_in(path, codes.fingerprint):
        try:
            index.save(path, codes.fingerprint)
        except OSError as error:
            say(f"note: {path}: the index cannot be kept ({error.strerror})", sys.stderr)
    return index


def _pictures(side: _Side) -> pictures.PictureOf:
    items, folder = side.codes.items, side.images
    if items.paths is not None:
        if not any((folder / path).is_file() for path in items.paths[:LOOKED_FOR]):
            raise UserError(
                f"{items.origin}: its images are not there, {folder / items.paths[0]} for one; --images says where "
                f"relative paths start"
            )
        return pictures.from_files(items.paths, folder)
    if side.vectors is not None and side.vectors.image_shape is not None:
        return pictures.from_pixels(side.vectors.features, side.vectors.image_shape)
    hint = "; codes hold no pixels, name the data instead" if side.file else ""
    raise UserError(f"{items.origin}: a contact sheet needs the `paths` of images, or embeddings that are pixels{hint}")


def _print(results: Results, given: argparse.Namespace) -> None:
    count, k = results.found.items.shape
    printed = count if count * k <= MOST_RESULTS else QUERIES_PRINTED
    for line in listing(results, printed):
        say(line)
    if printed < count:
        more = "" if given.out else "; --out FILE.csv has them all"
        say(f"… and {count - printed:,} more queries{more}")
    if results.precision is not None:
        say(f"{count:,} queries: {100 * results.precision:.1f}% of {k} results each are of the query's class")
    if given.out is not None:
        say(f"table in {shown(given.out)}")
