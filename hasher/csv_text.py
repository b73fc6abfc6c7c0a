"""CSV that spreadsheets may open: none of its cells is a formula, whatever a data set calls its classes and images.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@``, and such a formula can start programs. A
text of that kind is written behind an apostrophe, which spreadsheets take for "this is text" (OWASP, CSV Injection).
Numbers are left as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
#: A number, and what tables make of several: ``-0.01 ± 0.02``, ``+0.014 (p = 0.020)``. None of it can name a program.
_NUMBERS = re.compile(r"[-+.,%±–()\s\d]*([eE][-+]?\d+)?( \(p [=<] [\d.e-]+\))?|[-+]?(inf|nan)")


def as_text(value: Any) -> Any:
    """A cell as it may be written: `value` itself unless it is text that would be computed, or would break its row: to
    spreadsheets a carriage return ends a line, and `csv` puts no quotes around it."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n") if "\r" in value else value
    bare = text.lstrip("'")  # which `restored` is to tell from those that are put here
    return f"'{text}" if _FORMULA.match(bare) and not _NUMBERS.fullmatch(bare) else text


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """What was written of a frame that was read again: without the apostrophes of `frame_to_csv`."""
    return _mapped(frame, lambda value: value[1:] if isinstance(value, str) and as_text(value[1:]) == value else value)


def rows_to_csv(rows: Iterable[Sequence[Any]]) -> str:
    """The content of a CSV file, the first row being its header."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([as_text(value) for value in row] for row in rows)
    return buffer.getvalue()


def frame_to_csv(frame: pd.DataFrame) -> str:
    """The content of a CSV file of a table, without its index; numbers have all their digits."""
    return _mapped(frame.rename(columns=as_text), as_text).to_csv(index=False)


def _mapped(frame: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """The frame with `change` of every text; the frame itself where nothing is another. Columns hold few texts, each in
    many rows, so each text is looked at once."""
    for name, kind in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            changed = {value: new for value in frame[name].unique() if (new := change(value)) is not value}
            if changed:
                frame = frame.assign(**{str(name): frame[name].replace(changed)})
    return frame
