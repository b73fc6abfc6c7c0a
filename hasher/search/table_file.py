"""A table of results as a file, in the format that the end of its name says."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from hasher.csv_text import frame_to_csv
from hasher.errors import UserError
from hasher.files import write_atomically


def _csv(table: pd.DataFrame) -> bytes:
    return frame_to_csv(table).encode()


def _json(table: pd.DataFrame) -> bytes:
    """A list with an object a row."""
    rows = json.loads(table.to_json(orient="records"))  # whose numbers are Python's
    return (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode()


def _parquet(table: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {".csv": _csv, ".json": _json, ".parquet": _parquet}


def check_path(path: Path) -> None:
    """Raise `UserError` unless the end of `path` names a format."""
    if path.suffix not in WRITERS:
        raise UserError(f"--out {path}: no table of this kind, expected a name that ends in {', '.join(WRITERS)}")


def save(table: pd.DataFrame, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    check_path(path)
    write_atomically(path, WRITERS[path.suffix](table))
