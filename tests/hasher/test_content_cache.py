"""Arrays computed once on a machine: by content, whichever process asks, and again where a file is damaged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from hasher import content_cache
from hasher.content_cache import ContentCache
from hasher.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HAGCN_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> list[np.ndarray]:
        self.calls += 1
        return [np.arange(5.0), np.eye(3, dtype=np.float32)]


def content(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(10, 4)).astype(np.float32)


def test_computed_once_by_content_and_name(folder: Path) -> None:
    compute = Counting()
    for _ in range(3):
        first, second = ContentCache(content()).get("a", 2, compute)
        np.testing.assert_array_equal(first, np.arange(5.0))
        np.testing.assert_array_equal(second, np.eye(3))
    assert compute.calls == 1
    ContentCache(content()).get("b", 2, compute)
    ContentCache(content(1)).get("a", 2, compute)
    ContentCache(content().reshape(4, 10)).get("a", 2, compute)
    assert compute.calls == 4


def test_several_that_ask_at_once_wait_for_one(folder: Path) -> None:
    compute = Counting()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ContentCache(content()).get("a", 2, compute), range(16)))
    assert compute.calls == 1


@pytest.mark.parametrize("damage", ["shorten", "empty", "delete", "pickle"])
def test_a_damaged_file_is_computed_again(folder: Path, damage: str) -> None:
    compute = Counting()
    ContentCache(content()).get("a", 2, compute)
    path = sorted(folder.glob("*.npy"))[1]
    if damage == "delete":
        path.unlink()
    elif damage == "pickle":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    else:
        path.write_bytes(path.read_bytes()[: 100 if damage == "shorten" else 0])
    found = ContentCache(content()).get("a", 2, compute)
    assert compute.calls == 2
    np.testing.assert_array_equal(found[1], np.eye(3))


def test_what_one_process_writes_into_an_array_stays_its_own(folder: Path) -> None:
    compute = Counting()
    ContentCache(content()).get("a", 2, compute)[0][:] = 9
    np.testing.assert_array_equal(ContentCache(content()).get("a", 2, compute)[0], np.arange(5.0))


def test_what_was_used_longest_ago_is_dropped_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_cache, "LIMIT", 3000)
    compute = Counting()

    def large() -> list[np.ndarray]:
        compute.calls += 1
        return [np.zeros(160)]

    for name in "ab":
        ContentCache(content()).get(name, 1, large)
    ContentCache(content()).get("a", 1, large)  # used again
    ContentCache(content()).get("c", 1, large)
    assert compute.calls == 3 and len(list(folder.glob("*.npy"))) == 2
    ContentCache(content()).get("a", 1, large)
    assert compute.calls == 3
    ContentCache(content()).get("b", 1, large)
    assert compute.calls == 4


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HAGCN_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(UserError, match=r"file/below: cannot be written .* HAGCN_CACHE"):
        ContentCache(content()).get("a", 2, Counting())
