"""No cell of a CSV file is a formula, numbers stay numbers, and what was written is read again."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.csv_text import as_text, frame_to_csv, restored, rows_to_csv


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3+cmd|x", "@SUM(1)", "\t=x", "  =x", "\n=x"])
def test_a_formula_is_written_as_text(text: str) -> None:
    assert as_text(text) == f"'{text}"
    for written in (rows_to_csv([["name"], [text]]), frame_to_csv(pd.DataFrame({"name": [text]}))):
        assert list(csv.reader(io.StringIO(written, newline="")))[1] == [f"'{text}"]
    assert next(csv.reader(io.StringIO(frame_to_csv(pd.DataFrame({text: [1]})), newline=""))) == [f"'{text}"]


@pytest.mark.parametrize(
    "value",
    [-1, -0.5, np.float64(-2), "-1", "-0.25", "+3e-05", "-1.5 ± 0.2", "+0.014 (p = 0.020)", "-inf", "a=b", "–", ""],
)
def test_numbers_and_other_text_stay(value: object) -> None:
    assert as_text(value) is value


def test_a_carriage_return_begins_no_row() -> None:
    for written in (rows_to_csv([["name"], ["a\r=x"]]), frame_to_csv(pd.DataFrame({"name": ["a\r=x"]}))):
        assert list(csv.reader(io.StringIO(written, newline=""))) == [["name"], ["a\n=x"]]


cells = st.one_of(st.none(), st.text("=+-@'ab\t 1", max_size=4))


@given(st.lists(st.tuples(cells, st.floats(-9, 9)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=80)
def test_what_was_written_is_read_again(rows: list[tuple[str | None, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["name", "value"])
    written = io.StringIO(frame_to_csv(frame))
    found = restored(pd.read_csv(written, dtype={"name": str}, keep_default_na=False, na_values=[""]))
    expected = [name if isinstance(name, str) and name else None for name in frame["name"]]
    assert [None if pd.isna(name) else name for name in found["name"]] == expected
    np.testing.assert_allclose(found["value"], frame["value"])
