"""Exact search by Hamming distance: faiss's flat binary index, with codes of any length and an order among ties."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError
from hasher.files import read_regular, write_atomically
from hasher.retrieval import as_bool, pack
from hasher.retrieval.codes import check_packed, check_padding

FORMAT = "hagcn-index-1"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest items of each query, nearest first, and among items equally near the one added first.

    Attributes:
        items: int64 (queries, k), places in the index, from 0.
        distances: int32 (queries, k), bits that differ.
    """

    items: NDArray[np.int64]
    distances: NDArray[np.int32]


class HammingIndex:
    """Codes of n items, searched exhaustively.

    Args:
        codes: (n, bits), boolean or ±1; see `of_packed` for codes that are packed.

    Raises:
        UserError: no codes.
    """

    def __init__(self, codes: ArrayLike) -> None:
        array = as_bool(codes)
        self.bits = array.shape[1]
        self._flat = _flat_index(pack(array))

    @classmethod
    def of_packed(cls, packed: NDArray[np.uint8], bits: int) -> HammingIndex:
        """An index of codes as `hasher.retrieval.pack` returns them: uint8 (n, ceil(bits / 8)), filled with zeros.

        Raises `UserError` for another type or shape, or a bit that is set beyond `bits`.
        """
        check_packed(packed, bits, "codes")
        check_padding(packed, bits, "codes")
        index = cls.__new__(cls)
        index.bits, index._flat = bits, _flat_index(packed)
        return index

    def __len__(self) -> int:
        """Number of items (n)."""
        return int(self._flat.ntotal)

    def search(self, codes: ArrayLike, k: int) -> Neighbours:
        """The `k` nearest items, or all of them where there are fewer, of queries (q, bits), boolean or ±1.

        Raises `UserError` for queries of another length, or k below 1.
        """
        queries = as_bool(codes, "queries")
        if queries.shape[1] != self.bits:
            raise UserError(f"queries: codes of {queries.shape[1]} bits, expected {self.bits} as in the index")
        return self.search_packed(pack(queries), k)

    def search_packed(self, packed: NDArray[np.uint8], k: int) -> Neighbours:
        """`search` for codes that are packed already, uint8 (q, ceil(bits / 8))."""
        check_packed(packed, self.bits, "queries")
        check_padding(packed, self.bits, "queries")
        if k < 1:
            raise UserError(f"k: must be at least 1, not {k}")
        distances, items = self._flat.search(np.ascontiguousarray(packed), min(k, len(self)))
        return Neighbours(items, distances)

    def save(self, path: Path, fingerprint: str) -> None:
        """Write a file that `faiss.read_index_binary` opens as well; it appears whole or not at all.

        `fingerprint` is that of the codes; it follows faiss's bytes, with a hash of those, in a last line.
        """
        write_atomically(path, self._file(fingerprint))

    def _file(self, fingerprint: str) -> bytes:
        content = faiss.serialize_index_binary(self._flat).tobytes()
        return content + _seal(content, self.bits, fingerprint)

    def is_kept_in(self, path: Path, fingerprint: str) -> bool:
        """Whether `save` would write to `path` what is there already.

        The file is compared and never loaded: a seal says that it is whole and not who made it, and faiss trusts what
        it reads. An exhaustive index is a copy of its codes, so nothing is gained by reading it either.
        """
        expected = self._file(fingerprint)
        try:
            return read_regular(path, len(expected)) == expected
        except OSError:
            return False


def _flat_index(packed: NDArray[np.uint8]) -> faiss.IndexBinaryFlat:
    """Bits that fill the last byte are 0 in items and queries alike, so that they differ in none."""
    if len(packed) == 0:
        raise UserError("codes: expected at least one item to search, there is none")
    flat = faiss.IndexBinaryFlat(8 * packed.shape[1])
    flat.add(np.ascontiguousarray(packed))
    return flat


def _seal(content: bytes, bits: int, fingerprint: str) -> bytes:
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return f"\n{json.dumps({'format': FORMAT, 'bits': bits, 'codes': fingerprint, 'content': digest})}\n".encode()
