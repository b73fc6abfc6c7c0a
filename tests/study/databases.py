"""Databases that serve as a study's storage."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from study.record.sampling import open_storage
from tests.servers import postgresql  # noqa: F401 (a fixture)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database, as `--storage` takes it."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'studies.db'}"
    else:
        server, name = request.getfixturevalue("postgresql"), f"studies_{uuid.uuid4().hex}"
        engine = create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        address = server.format(name=name)
    open_storage(address)
    return address
