"""The Hamming index against distances counted bit by bit, for any length of code."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.errors import UserError
from hasher.search.index import HammingIndex, Neighbours


def random_codes(seed: int, count: int, bits: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, bits)) < 0.5


def brute_force(codes: np.ndarray, queries: np.ndarray, k: int) -> Neighbours:
    """Every distance, sorted; a stable sort keeps ties in the order of the items."""
    distances = (queries[:, None, :] != codes[None, :, :]).sum(axis=2)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(order, np.take_along_axis(distances, order, axis=1))


def assert_same(found: Neighbours, expected: Neighbours) -> None:
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.items, expected.items)


@given(st.integers(1, 130), st.integers(1, 300), st.integers(1, 20), st.integers(1, 320), st.integers(0))
@settings(deadline=None, max_examples=150)
def test_it_finds_what_brute_force_finds_ties_included(bits: int, count: int, asked: int, k: int, seed: int) -> None:
    codes, queries = random_codes(seed, count, bits), random_codes(seed + 1, asked, bits)
    index = HammingIndex(codes)
    found = index.search(queries, k)
    assert_same(found, brute_force(codes, queries, k))
    assert len(index) == count and found.items.shape == (asked, min(k, count))
    packed = HammingIndex.of_packed(np.packbits(codes, axis=1), bits)
    assert_same(packed.search_packed(np.packbits(queries, axis=1), k), found)


def test_signs_are_codes_too() -> None:
    codes, queries = random_codes(0, 50, 11), random_codes(1, 5, 11)
    signs = HammingIndex(np.where(codes, 1.0, -1.0))
    assert_same(signs.search(np.where(queries, 1, -1), 4), brute_force(codes, queries, 4))


@pytest.mark.parametrize("bits", [1, 7, 12, 64, 100])
def test_what_was_saved_is_known_again(bits: int, tmp_path: Path) -> None:
    codes = random_codes(2, 200, bits)
    path = tmp_path / "codes.faiss"
    HammingIndex(codes).save(path, "abc")
    assert HammingIndex(codes).is_kept_in(path, "abc")
    assert not HammingIndex(random_codes(3, 200, bits)).is_kept_in(path, "abc")
    assert [file.name for file in tmp_path.iterdir()] == ["codes.faiss"]


def test_faiss_itself_reads_the_file(tmp_path: Path) -> None:
    codes, queries = random_codes(4, 60, 20), random_codes(5, 3, 20)
    HammingIndex(codes).save(tmp_path / "codes.faiss", "abc")
    distances, items = faiss.read_index_binary(str(tmp_path / "codes.faiss")).search(np.packbits(queries, axis=1), 5)
    assert_same(Neighbours(items, distances), brute_force(codes, queries, 5))


@given(place=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.booleans())
@settings(deadline=None, max_examples=100)
def test_a_file_that_is_not_of_these_codes_or_not_whole_is_not_kept(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("index") / "codes.faiss"
    index = HammingIndex(random_codes(6, 30, 12))
    index.save(path, "abc")
    whole = path.read_bytes()
    assert not index.is_kept_in(path, "abd")
    place %= len(whole)
    changed = whole[:place] if cut else whole[:place] + bytes([value]) + whole[place + 1 :]
    path.write_bytes(changed)
    assert index.is_kept_in(path, "abc") == (changed == whole)


def test_there_may_be_no_file(tmp_path: Path) -> None:
    assert not HammingIndex(random_codes(6, 30, 12)).is_kept_in(tmp_path / "none.faiss", "abc")
    assert not HammingIndex(random_codes(6, 30, 12)).is_kept_in(tmp_path, "abc")


def test_what_makes_no_sense_is_refused() -> None:
    index = HammingIndex(random_codes(7, 10, 12))
    packed = np.packbits(random_codes(8, 10, 12), axis=1)
    with pytest.raises(UserError, match="queries: codes of 13 bits, expected 12 as in the index"):
        index.search(random_codes(9, 2, 13), 3)
    with pytest.raises(UserError, match="k: must be at least 1, not 0"):
        index.search(random_codes(9, 2, 12), 0)
    with pytest.raises(UserError, match="there is none"):
        HammingIndex(np.empty((0, 12), bool))
    with pytest.raises(UserError, match=r"codes: expected uint8 of shape \(n, 1\) for 8 bits"):
        HammingIndex.of_packed(packed, 8)
    packed[4, 1] |= 1
    with pytest.raises(UserError, match="codes: row 4 has a bit set beyond the 12 of a code"):
        HammingIndex.of_packed(packed, 12)
    with pytest.raises(UserError, match="queries: row 4 has a bit set beyond"):
        index.search_packed(packed, 1)
