"""What all tests share: a folder of their own for what the hasher computes once on a machine."""

import os
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
