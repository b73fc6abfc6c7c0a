"""One small study for all tests of this folder, that none of them may change, and a method of another package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hasher.methods import registry
from tests.analysis.synthetic import make_spec, write_study


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished synthetic study: two data sets of which one is `digits`, all filters, two code lengths. Read only."""
    return write_study(tmp_path_factory.mktemp("runs"), make_spec(datasets=["digits", "vectors.npz"]))


@pytest.fixture(scope="module")
def white() -> Iterator[str]:
    """The name of a method that `analysis` knows nothing of (`toys`), as if a package with it were installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", lambda group: [EntryPoint("white", "tests.analysis.toys:White", group)])
        registry.methods.cache_clear()
        yield "white"
    registry.methods.cache_clear()
