"""Forms of codes, what is refused and how, and the quality of bits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hasher.errors import UserError
from hasher.retrieval import (
    as_bool,
    as_words,
    bit_balance,
    bit_correlation,
    evaluate,
    evaluate_packed,
    pack,
    released_map,
    unpack,
)

CODES = np.array([[True, False, True], [False, False, True], [True, True, True]])
boolean_codes = st.tuples(st.integers(0, 5), st.integers(1, 140)).flatmap(lambda shape: arrays(bool, shape))


@given(boolean_codes)
def test_packing_is_that_of_numpy_and_can_be_undone(codes):
    packed = pack(codes)
    np.testing.assert_array_equal(packed, np.packbits(codes, axis=1))
    np.testing.assert_array_equal(unpack(packed, codes.shape[1]), codes)


@given(boolean_codes)
def test_words_keep_distances(codes):
    words = as_words(pack(codes), codes.shape[1])
    assert words.shape == (len(codes), -(-codes.shape[1] // 64))
    by_words = np.bitwise_count(words[:, None] ^ words[None]).sum(axis=2)
    np.testing.assert_array_equal(by_words, (codes[:, None] != codes[None]).sum(axis=2))


@pytest.mark.parametrize(
    "form",
    [
        lambda codes: np.where(codes, 1, -1).astype(np.int8),
        lambda codes: np.where(codes, 1.0, -1.0).astype(np.float16),
        lambda codes: np.where(codes, 1.0, -1.0),
        lambda codes: np.asfortranarray(codes),
        lambda codes: codes.tolist(),
        lambda codes: torch.from_numpy(codes),
        lambda codes: torch.from_numpy(np.where(codes, 1.0, -1.0)),
    ],
)
def test_every_form_of_codes_is_the_same_code(form):
    np.testing.assert_array_equal(as_bool(form(CODES)), CODES)
    np.testing.assert_array_equal(pack(form(CODES)), pack(CODES))
    expected = evaluate(CODES, [0, 1, 0], CODES, [0, 1, 0])
    assert evaluate(form(CODES), [0, 1, 0], form(CODES), torch.tensor([0, 1, 0])).map == expected.map


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query_codes": CODES[0]}, r"query_codes: expected shape \(n, bits\).*not \(3,\)"),
        ({"query_codes": CODES[:, :0]}, "query_codes: expected shape"),
        ({"database_codes": CODES[None]}, "database_codes: expected shape"),
        ({"database_codes": CODES[:, :2]}, "database_codes: expected 3 bits, as query_codes has, not 2"),
        ({"query_codes": CODES.astype(int)}, r"query_codes: .*-1 or \+1, not 0 \(row 0, bit 1\)"),
        ({"query_codes": np.where(CODES, 1.0, np.nan)}, r"query_codes: .*not nan \(row 0, bit 1\)"),
        ({"query_codes": np.where(CODES, 1, -3)}, r"query_codes: .*not -3 \(row 0, bit 1\)"),
        ({"database_codes": CODES * 0.5}, r"database_codes: .*not 0.5 \(row 0, bit 0\)"),
        ({"query_codes": CODES.astype(str)}, "query_codes: expected booleans or numbers"),
        ({"query_codes": CODES.astype(complex)}, "query_codes: expected booleans or numbers"),
        ({"query_codes": [[1, -1, 1], [1, -1]]}, "query_codes: cannot be read as an array"),
        ({"query_codes": torch.ones(3, 3, requires_grad=True)}, "query_codes: cannot be read as an array"),
        ({"query_labels": [0, 1]}, "query_labels: expected one label for each of 3 items, not 2"),
        ({"database_labels": [0, 1, 0, 1]}, "database_labels: expected one label for each of 3 items, not 4"),
        ({"database_labels": np.eye(3, dtype=int)}, r"database_labels: shape \(3, 3\) does not go with query_labels"),
        (
            {"database_labels": np.eye(3), "query_labels": np.ones((3, 2), bool)},
            r"database_labels: shape \(3, 3\) does not go with query_labels of shape \(3, 2\)",
        ),
        (
            {"query_labels": [[0, 1], [1, 2], [0, 0]]},
            "query_labels: 2 in row 1, column 1, expected one label",
        ),
        ({"query_labels": np.zeros((3, 0))}, r"query_labels: float64 of shape \(3, 0\), expected integers of shape"),
        ({"query_labels": np.zeros((3, 1, 1))}, r"query_labels: expected labels of shape \(n,\), or several an item"),
        ({"query_labels": [["a"], ["b"], ["c"]]}, "query_labels: <U1 of shape"),
        ({"query_labels": [0.0, 1.0, 0.0]}, "query_labels: expected integers, not float64"),
        ({"query_labels": ["a", "b", "a"]}, "query_labels: expected integers"),
        ({"database_codes": CODES[:0], "database_labels": []}, "database_labels: expected at least one item"),
        ({"query_codes": CODES[:0], "query_labels": []}, "query_labels: expected at least one item"),
        ({"k": 0}, "k: must be a whole number of at least 1, not 0"),
        ({"k": 2.5}, "k: must be a whole number of at least 1, not 2.5"),
    ],
)
@pytest.mark.parametrize("function", [evaluate, released_map])
def test_bad_input_is_refused_by_name(function, change, message):
    good = {
        "query_codes": CODES,
        "query_labels": [0, 1, 0],
        "database_codes": CODES,
        "database_labels": [0, 1, 0],
    }
    function(**good)
    with pytest.raises(UserError, match=message) as caught:
        function(**{**good, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("codes", "bits", "message"),
    [
        (np.zeros((3, 2), np.uint8), 8, r"query_codes: expected uint8 of shape \(n, 1\) for 8 bits"),
        (np.zeros((3, 1), np.int64), 8, "query_codes: expected uint8"),
        (np.zeros(3, np.uint8), 8, "query_codes: expected uint8"),
        (np.zeros((3, 2), np.uint64), 64, r"query_codes: expected shape \(n, 1\) for 64 bits in uint64 words"),
        (np.full((3, 1), 255, np.uint8), 7, "bits: the codes use 8 bits, more than 7"),
        (np.full((3, 1), 2**40 - 1, np.uint64), 39, "bits: the codes use 40 bits, more than 39"),
        (np.zeros((3, 1), np.uint8), 0, "bits: must be 1 to 65535, not 0"),
        (np.zeros((3, 8192), np.uint8), 65536, "bits: must be 1 to 65535, not 65536"),
    ],
)
def test_bad_packed_codes_are_refused(codes, bits, message):
    with pytest.raises(UserError, match=message):
        evaluate_packed(codes, [0, 1, 0], codes, [0, 1, 0], bits)


def test_other_refusals():
    with pytest.raises(UserError, match="threads: must be at least 1, not 0"):
        evaluate(CODES, [0, 1, 0], CODES, [0, 1, 0], threads=0)
    with pytest.raises(UserError, match=r"packed: expected uint8 of shape \(n, 2\) for 9 bits"):
        unpack(np.zeros((3, 1), np.uint8), 9)
    with pytest.raises(UserError, match="bits: must be at least 1"):
        unpack(np.zeros((3, 0), np.uint8), 0)
    for function in (bit_balance, bit_correlation):
        with pytest.raises(UserError, match="codes: expected at least one code"):
            function(CODES[:0])


def test_the_longest_codes():
    codes = np.zeros((2, 65535), bool)
    codes[1] = True
    result = evaluate(codes[:1], [0], codes, [1, 0])
    assert result.map == 0.5
    assert result.recall_by_radius[-2:].tolist() == [0.0, 1.0]


def test_bit_balance():
    np.testing.assert_allclose(bit_balance(CODES), [1 / 3, -1 / 3, 1])
    np.testing.assert_allclose(bit_balance(np.where(CODES, 1, -1)), [1 / 3, -1 / 3, 1])


def test_bit_correlation_is_that_of_numpy_and_0_for_constant_bits():
    rng = np.random.default_rng(0)
    codes = rng.random((50, 6)) < 0.4
    codes[:, 2] = codes[:, 1]
    codes[:, 3] = ~codes[:, 1]
    codes[:, 5] = True
    correlation = bit_correlation(codes)
    np.testing.assert_allclose(correlation[:5, :5], np.corrcoef(codes[:, :5].T), atol=1e-12)
    np.testing.assert_array_equal(correlation[5], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(correlation[:, 5], correlation[5])
