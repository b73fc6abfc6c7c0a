"""What all tests share: one thread each, and a folder of their own for what the hasher computes once on a machine."""

import os

# Before anything starts OpenMP. Test processes run side by side, and on few cores their threads would wait for each
# other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def content_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's own folder is left alone; workers that tests start take this one as well."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HAGCN_CACHE", str(folder))
        yield folder
