"""Codes in faiss and in PostgreSQL, by the lines of docs/data.md, against distances counted here."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import torch

from hasher.__main__ import main
from hasher.methods.registry import find_method
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from tests.docs.pages import blocks
from tests.servers import postgresql  # noqa: F401 (a fixture)

FAISS, POSTGRESQL = (
    next(block.code for block in blocks("python") if client in block.code)
    for client in ("import faiss", "psycopg.connect")
)
FEATURES = np.random.default_rng(0).normal(size=(60, 80)).astype(np.float32)


@pytest.fixture
def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Of 60 items (60, 64), which are in files of both kinds."""
    monkeypatch.chdir(tmp_path)
    method = find_method("lsh")
    config = method.configure({"bits": 64})
    training = method.start(config, FEATURES, 0, torch.device("cpu"))
    save_hasher(SavedHasher(method, config, training.trained), Path("model.safetensors"))
    np.savez("mine.npz", features=FEATURES)
    for out in ("codes.faiss", "codes.npy"):
        assert main(["encode", "model.safetensors", "mine.npz", "--out", out]) == 0
    return load_hasher("model.safetensors").encode(FEATURES)


def test_faiss(codes: np.ndarray) -> None:
    names: dict[str, Any] = {"queries": FEATURES[:3]}
    exec(compile(FAISS, "docs/data.md", "exec"), names)
    expected = (codes[:3, None] != codes[None]).sum(axis=2)
    assert np.array_equal(names["distances"], np.sort(expected, axis=1)[:, :10])
    assert np.array_equal(np.take_along_axis(expected, names["rows"], axis=1), names["distances"])


def test_packed_bits(codes: np.ndarray) -> None:
    assert np.array_equal(np.load("codes.npy"), np.packbits(codes, axis=1))


@pytest.fixture
def in_postgresql(codes: np.ndarray, postgresql: str) -> dict[str, Any]:  # noqa: F811
    """What the page's lines leave, run on a database of its own."""
    name = f"codes_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    names: dict[str, Any] = {"database": postgresql.format(name=name)}
    exec(compile(POSTGRESQL, "docs/data.md", "exec"), names)
    return names


def nearest(codes: np.ndarray) -> list[tuple[int, int]]:
    """Items and distances of the ten nearest to the first."""
    distances = (codes[0] != codes).sum(axis=1)
    return [(int(item), int(distances[item])) for item in np.argsort(distances, kind="stable")[:10]]


def test_postgresql(codes: np.ndarray, in_postgresql: dict[str, Any]) -> None:
    assert in_postgresql["nearest"] == nearest(codes)


def test_pgvector(codes: np.ndarray, in_postgresql: dict[str, Any]) -> None:
    with psycopg.connect(in_postgresql["database"]) as connection:
        offered = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
        if offered is None:
            pytest.skip("no pgvector here (Debian: apt-get install postgresql-15-pgvector)")
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE INDEX ON items USING hnsw (code bit_hamming_ops)")
        query = "".join(map(str, codes[0].astype(int)))
        asked = "SELECT item, (code <~> %s::bit(64))::int AS distance FROM items ORDER BY distance, item LIMIT 10"
        assert connection.execute(asked, [query]).fetchall() == nearest(codes)
