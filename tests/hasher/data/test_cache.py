"""The packed cache of a folder: the same vectors, never out of date, never damaged, never in the way."""

import errno
import os
import shutil
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from hasher.data import cache, load_dataset
from hasher.data.folder import list_vectors, read_vectors
from hasher.errors import UserError


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Cache folders of any size, and at once."""
    monkeypatch.setattr(cache, "SMALLEST", 1)
    monkeypatch.setattr(cache, "SETTLED_SECONDS", -1e9)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "toys"
    rng = np.random.default_rng(0)
    for name in ("ball", "car"):
        (folder / name).mkdir(parents=True)
        for item in range(4):
            np.save(folder / name / f"{item}.npy", rng.standard_normal(3).astype("f4" if item else "f8"))
    return folder


def files(data_dir):
    return [path for path in data_dir.rglob("*") if path.is_file()]


def the_cache(data_dir):
    (path,) = files(data_dir)
    return path


@pytest.fixture
def reads(monkeypatch):
    """Counts how often a vector file is read."""
    count = []

    def counted(path, *more):
        count.append(path)
        return read(path, *more)

    read = vars(sys.modules["hasher.data.folder"])["_read_bytes"]
    monkeypatch.setattr("hasher.data.folder._read_bytes", counted)
    return count


def test_a_cached_data_set_is_the_same(root, tmp_path, reads):
    plain = read_vectors(list_vectors(root).files)
    first = load_dataset(str(root), tmp_path / "data")
    reads.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        later = load_dataset(str(root), tmp_path / "data")
    assert not reads and np.array_equal(later.features, plain) and np.array_equal(first.features, plain)
    assert later.fingerprint == first.fingerprint and later.class_names == first.class_names
    assert np.array_equal(later.labels, first.labels) and not later.features.flags.writeable


def test_it_is_one_safetensors_file_of_the_data_folder(root, tmp_path):
    """Read here by the safetensors library, which the cache is not written with."""
    data = load_dataset(str(root), tmp_path / "data")
    path = the_cache(tmp_path / "data")
    assert path.parent == tmp_path / "data" / "cache" and path.name.startswith("toys-")
    assert np.array_equal(load_file(path)["vectors"], data.features)


def test_one_file_whatever_path_leads_to_the_folder(root, tmp_path, monkeypatch, reads):
    (tmp_path / "link").symlink_to(root)
    load_dataset(str(root), tmp_path / "data")
    reads.clear()
    monkeypatch.chdir(root)
    for source in (f"{root}/", "../toys", ".", "./", str(tmp_path / "link")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_dataset(source, tmp_path / "data")
    assert not reads and len(files(tmp_path / "data")) == 1


def other(path):
    np.save(path, np.load(path) + 1)


def touch(path):
    os.utime(path)


def secretly(path):
    """Another content of the same size, and the time of the change set back."""
    before = path.stat()
    other(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path):
    """Two files of equal size and time change places."""
    second = path.with_name("1.npy")
    for one in (path, second):
        os.utime(one, (1e9, 1e9))
    path.rename(path.with_name("x"))
    second.rename(path)
    path.with_name("x").rename(second)


def rename(path):
    path.rename(path.with_name("9.npy"))


def move(path):
    path.rename(path.parents[1] / "car" / "a.npy")


def point_elsewhere(path):
    path.unlink()
    path.symlink_to(path.with_name("1.npy"))


CHANGES = [other, touch, secretly, swap, rename, move, Path.unlink, point_elsewhere]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_any_change_is_seen(root, tmp_path, change):
    path = root / "ball" / "2.npy"
    before = load_dataset(str(root), tmp_path / "data").fingerprint
    time.sleep(0.02)  # the step in which many file systems count time
    change(path)
    expected = load_dataset(str(root), tmp_path / "unused")
    found = load_dataset(str(root), tmp_path / "data")
    assert found.fingerprint == expected.fingerprint and (found.fingerprint == before) == (change is touch)
    assert np.array_equal(load_file(the_cache(tmp_path / "data"))["vectors"], expected.features)


def wider(path):
    np.save(path, np.load(path).astype("f8"))


DETAILS = {"size": wider, "modified": other, "changed": secretly, "inode": swap, "none but the name": rename}


@pytest.mark.parametrize("known", DETAILS)
def test_each_detail_counts(root, monkeypatch, known):
    """File systems differ in what they record; what a change leaves alone another detail must tell."""
    details = cache._details

    def only(path):
        return tuple(value if name == known else 0 for name, value in zip(DETAILS, details(path), strict=False))

    monkeypatch.setattr(cache, "_details", only)
    before = cache.look_at(list_vectors(root).files).signature
    time.sleep(0.02)
    DETAILS[known](root / "ball" / "2.npy")
    assert cache.look_at(list_vectors(root).files).signature != before


def test_a_new_file_and_a_file_behind_a_link_are_seen(root, tmp_path):
    target = tmp_path / "target.npy"
    np.save(target, np.ones(3))
    (root / "car" / "link.npy").symlink_to(target)
    before = load_dataset(str(root), tmp_path / "data")
    np.save(root / "car" / "5.npy", np.zeros(3))
    assert len(load_dataset(str(root), tmp_path / "data")) == len(before) + 1
    time.sleep(0.02)
    np.save(target, np.zeros(3))
    assert not load_dataset(str(root), tmp_path / "data").features[-1].any()


def test_files_younger_than_the_clock_can_tell_are_not_cached(root, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED_SECONDS", 60)
    load_dataset(str(root), tmp_path / "data")
    assert not files(tmp_path)[0].name.endswith(".safetensors") and not (tmp_path / "data").exists()


def test_a_change_while_reading_is_seen_later(root, tmp_path):
    """The cache is of what was read, under the state before it, which the folder no longer has."""
    listing = list_vectors(root)

    def read(paths):
        vectors = read_vectors(paths)
        time.sleep(0.02)
        np.save(root / "ball" / "1.npy", np.full(3, 7, "f4"))
        return vectors

    stale = cache.cached_vectors(root, listing.files, tmp_path, read)
    assert not np.array_equal(stale[1], np.full(3, 7))
    assert np.array_equal(cache.cached_vectors(root, listing.files, tmp_path, read_vectors)[1], np.full(3, 7))


def test_a_small_folder_is_not_cached(root, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SMALLEST", 9)
    load_dataset(str(root), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_bad_vector_leaves_no_cache(root, tmp_path):
    np.save(root / "car" / "1.npy", np.array([0, np.nan, 0]))
    with pytest.raises(UserError, match=r"car/1\.npy: holds NaN"):
        load_dataset(str(root), tmp_path / "data")
    assert not files(tmp_path / "data")


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_cache_is_never_believed(tmp_path, data):
    """Any bytes changed, or the end cut off or longer: the vectors as they were written, or none and a warning."""
    path = tmp_path / "cache.safetensors"
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    cache.save(path, "abc", vectors)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]
    path.write_bytes(bytes(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cache.load(path, "abc")
    assert found is None or np.array_equal(found, vectors)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_a_damaged_cache_is_made_again_with_a_notice(root, tmp_path, damage):
    expected = load_dataset(str(root), tmp_path / "data").fingerprint
    path = the_cache(tmp_path / "data")
    content = path.read_bytes()
    damaged = {"flip": content[:-1] + bytes([content[-1] ^ 1]), "cut": content[:-4], "empty": b"", "text": b"x" * 999}
    path.write_bytes(damaged[damage])
    with pytest.warns(UserWarning, match=r"toys-.*\.safetensors: damaged .*, its folder is read anew") as caught:
        assert load_dataset(str(root), tmp_path / "data").fingerprint == expected
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert path.read_bytes() == content


@pytest.mark.parametrize("obstacle", ["file", "full"])
def test_a_cache_that_cannot_be_written_is_a_notice(root, tmp_path, monkeypatch, obstacle):
    if obstacle == "file":
        (tmp_path / "data").write_text("a file where the folder should be")
    else:
        (tmp_path / "data").mkdir()

        def replace(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(Path, "replace", replace)
    with pytest.warns(
        UserWarning, match=r"cannot be written \(.*\), so every file of its folder will be read"
    ) as caught:
        data = load_dataset(str(root), tmp_path / "data")
    assert len(caught) == 1 and np.array_equal(data.features, read_vectors(list_vectors(root).files))
    assert obstacle == "file" or not files(tmp_path / "data")


def test_writers_at_once_do_not_disturb_each_other(root, tmp_path):
    """As two processes would: nothing is shared but the disk."""
    listing = list_vectors(root)
    expected = read_vectors(listing.files)

    def load(number):
        if number % 7 == 0:
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        return np.array_equal(cache.cached_vectors(root, listing.files, tmp_path / "cache", read_vectors), expected)

    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.filterwarnings("ignore", message=".*cannot be written")  # its folder has just been removed
        warnings.filterwarnings("error", message=".*damaged")
        assert all(pool.map(load, range(300)))
