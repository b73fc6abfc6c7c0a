"""One small study for all tests of this folder, that none of them may change, and a method of another package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hasher.methods import registry
from tests.analysis.browser import Browser, opened_browser
from tests.analysis.synthetic import make_spec, write_study
from tests.analysis.toys import RIVALS, Toy


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


@pytest.fixture(scope="module")
def rivals() -> Iterator[tuple[Toy, ...]]:
    """As many methods of other families as a large study has (`toys`), as if they were built in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, *RIVALS))
        registry.methods.cache_clear()
        yield RIVALS
    registry.methods.cache_clear()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests; each opens its own page."""
    with opened_browser() as found:
        yield found
