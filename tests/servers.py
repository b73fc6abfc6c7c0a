"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.breakable.postgresql import NoServerError, server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A server that listens on a socket in a folder of its own: the URL of its databases, without their name."""
    try:
        with server() as started:
            yield started.url("{name}")
    except NoServerError as error:
        pytest.skip(str(error))
