"""Hash codes on disk: an ``.npz`` file with packed codes, what is known of their items, and which hasher made them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hasher.arrays import opened_archive
from hasher.data import Items, Vectors
from hasher.encoding import encode_packed
from hasher.errors import UserError, first_error
from hasher.files import write_atomically
from hasher.model_file import SavedHasher
from hasher.retrieval.codes import check_packed, check_padding


class CodesAbout(BaseModel):
    """What a file of codes says of itself; `hasher` is a fingerprint, `origin` what the hasher's file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["hagcn-codes-1"] = "hagcn-codes-1"
    bits: int = Field(ge=1)
    hasher: str
    config: dict[str, Any]
    origin: dict[str, Any]
    source: str
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HashedItems:
    """Codes of n items.

    Attributes:
        packed: uint8 (n, ceil(bits / 8)), as `hasher.retrieval.pack` returns them.
        bits: length of a code.
        hasher: fingerprint of the hasher that made them; codes of two hashers have nothing to do with each other.
        items: what is known of the items.
        config: the hasher's method and configuration.
        origin: what is known of the hasher's origin.

    Raises:
        UserError: `packed` is something else, has a bit set beyond `bits`, or is not one code an item.
    """

    packed: NDArray[np.uint8]
    bits: int
    hasher: str
    items: Items
    config: dict[str, Any]
    origin: dict[str, Any]

    def __post_init__(self) -> None:
        check_packed(self.packed, self.bits, "codes")
        check_padding(self.packed, self.bits, "codes")
        if len(self.packed) != len(self.items):
            raise UserError(f"codes: {len(self.packed)} of them for {len(self.items)} items")

    def __len__(self) -> int:
        """Number of items (n)."""
        return len(self.packed)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal hash (BLAKE2b, 128 bits) of the codes and of the hasher they are by."""
        digest = hashlib.blake2b(f"{self.hasher} {self.bits} {self.packed.shape}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.packed).data)
        return digest.hexdigest()


def hash_items(
    hasher: SavedHasher, vectors: Vectors, progress: Callable[[int], object] = lambda items: None
) -> HashedItems:
    """Encode `vectors`; `progress` is called with the number of items of each chunk that is done.

    Raises `UserError` for vectors of another width than the hasher's, or that are not finite.
    """
    width = vectors.features.shape[1]
    if width != hasher.width:
        raise UserError(f"{vectors.items.origin}: vectors of width {width}, but this hasher takes {hasher.width}")
    try:
        packed = encode_packed(hasher.model.encoder, vectors.features, progress)
    except UserError as error:
        raise UserError(f"{vectors.items.origin}: {error}") from None
    return HashedItems(packed, hasher.config.bits, hasher.fingerprint, vectors.items, hasher.settings, hasher.about)


def save_codes(codes: HashedItems, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    items = codes.items
    about = CodesAbout(
        bits=codes.bits, hasher=codes.hasher, config=codes.config, origin=codes.origin, source=items.origin,
        class_names=items.class_names,
    )  # fmt: skip
    arrays = {"rows": items.rows, "labels": items.labels, "paths": items.paths, "ids": items.ids}
    known: dict[str, Any] = {key: values for key, values in arrays.items() if values is not None}
    content = io.BytesIO()
    np.savez_compressed(content, codes=codes.packed, about=np.array(about.model_dump_json()), **known)
    write_atomically(path, content.getvalue())


def is_codes_file(source: str) -> bool:
    """Whether `source` is the path of an ``.npz`` file that holds codes and no embeddings."""
    path = Path(source).expanduser()
    try:
        if path.suffix != ".npz" or not path.is_file():
            return False
        with opened_archive(path) as archive:
            return "codes" in archive.keys and "features" not in archive.keys
    except (OSError, UserError):  # a damaged file, which the loader will name
        return False


def load_codes(path: Path) -> HashedItems:
    """Read a file that `save_codes` wrote. Raises `UserError` for anything else."""
    arrays = _read(path)
    try:
        about = CodesAbout.model_validate_json(str(arrays["about"]))
        items = Items(
            about.source, arrays["rows"], arrays.get("labels"), about.class_names, arrays.get("paths"),
            arrays.get("ids"),
        )  # fmt: skip
        if len(np.unique(items.rows)) < len(items):
            raise UserError("rows: one item is there twice, expected each once")
        return HashedItems(arrays["codes"], about.bits, about.hasher, items, about.config, about.origin)
    except KeyError as error:
        raise UserError(f"{path}: not a file of codes, it lacks {error}") from None
    except ValidationError as error:
        raise UserError(f"{path}: not a file of codes (about: {first_error(error)})") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, NDArray[Any]]:
    keys = ("codes", "about", "rows", "labels", "paths", "ids")
    with opened_archive(path) as archive:
        return {key: archive.read(key) for key in keys if key in archive.keys}
