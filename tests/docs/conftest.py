"""The method of another package that the documentation describes."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from hasher.contract import Method
from hasher.methods import registry
from tests.docs.pages import ROOT, blocks


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Method]:
    """The method that docs/extending.md describes, as where its package is installed."""
    page = ROOT / "docs" / "extending.md"
    (code,) = (block.code for block in blocks("python") if block.page == page)
    (project,) = (tomllib.loads(block.code) for block in blocks("toml") if block.page == page)
    ((group, entries),) = project["project"]["entry-points"].items()
    ((entry, value),) = entries.items()
    (tmp_path / f"{value.split(':')[0]}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = EntryPoints([EntryPoint(entry, value, group)])
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: found.select(**wanted))
    registry.methods.cache_clear()
    yield registry.find_method(entry)
    registry.methods.cache_clear()
    sys.modules.pop(value.split(":")[0], None)
