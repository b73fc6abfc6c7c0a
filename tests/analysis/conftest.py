"""Lets the tests of this folder import `synthetic`, and gives them one small study that none of them may change."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from synthetic import make_spec, write_study


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished synthetic study: two data sets of which one is `digits`, all filters, two code lengths. Read only."""
    return write_study(tmp_path_factory.mktemp("runs"), make_spec(datasets=["digits", "vectors.npz"]))
