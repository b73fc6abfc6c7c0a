"""CSV that spreadsheets may open: none of its cells is a formula, whatever a data set calls its classes and images.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@``, and such a formula can start programs. A
text of that kind is written behind an apostrophe, which spreadsheets take for "this is text" (OWASP, CSV Injection).
Numbers are left as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r\n]")
#: A number, and what tables make of several: ``-0.01 ± 0.02``. Nothing in them can name a program.
_NUMBERS = re.compile(r"[-+.,%±–()\s\d]*([eE][-+]?\d+)?|[-+]?(inf|nan)")


def as_text(value: Any) -> Any:
    """A cell as it may be written: `value` itself unless it is text that would be computed."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBERS.fullmatch(value):
        return f"'{value}"
    return value


def rows_to_csv(rows: Iterable[Sequence[Any]]) -> str:
    """The content of a CSV file, the first row being its header."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([as_text(value) for value in row] for row in rows)
    return buffer.getvalue()


def frame_to_csv(frame: pd.DataFrame) -> str:
    """The content of a CSV file of a table, without its index; numbers have all their digits."""
    safe = frame.rename(columns=as_text)
    for place, kind in enumerate(safe.dtypes):
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)):
            column = safe.iloc[:, place]
            changed = {value: text for value in column.unique() if (text := as_text(value)) is not value}
            if changed:
                safe = safe.assign(**{safe.columns[place]: column.replace(changed)})
    return safe.to_csv(index=False)
