"""Folders of vectors, good and bad."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hasher.data import load_dataset
from hasher.data.folder import FILES_PER_TASK, read_vectors
from hasher.errors import UserError


@pytest.fixture
def root(tmp_path):
    """Three classes of two vectors, the second class written as float64 rows and the third as float16."""
    folder = tmp_path / "toys"
    for number, (name, dtype, shape) in enumerate(
        [("ball", "<f4", (3,)), ("car", ">f8", (1, 3)), ("doll", "f2", (3, 1))]
    ):
        (folder / name).mkdir(parents=True)
        for item in ("b", "a"):
            vector = (np.arange(3) + 10 * number + (item == "b")).astype(dtype).reshape(shape)
            np.save(folder / name / f"{item}.npy", vector)
    return folder


def refused(root):
    with pytest.raises(UserError) as caught:
        load_dataset(str(root))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_classes_and_files_come_in_the_order_of_their_names(root):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_dataset(str(root))
    assert data.name == "toys" and data.source == str(root)
    assert data.class_names == ("ball", "car", "doll") and data.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.features[:, 0].tolist() == [0, 1, 10, 11, 20, 21]
    assert data.features.dtype == np.float32 and data.features.shape == (6, 3)
    assert data.is_query is None and data.groups is None
    assert load_dataset(f"{root}{os.sep}").fingerprint == data.fingerprint


def test_many_files_are_read_in_their_order(tmp_path):
    """More files than a thread takes at once, some laid out unlike the first."""
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((2 * FILES_PER_TASK + 5, 7)).astype(np.float32)
    files = []
    for number, vector in enumerate(expected):
        files.append(str(tmp_path / f"{number}.npy"))
        stored = vector.astype(np.float64) if number % 3 == 1 else vector
        with Path(files[-1]).open("wb") as file:
            np.lib.format.write_array(file, stored, version=(2, 0) if number % 5 == 2 else (1, 0))
    assert np.array_equal(read_vectors(files), expected)


def test_what_is_left_out_is_said(root):
    (root / "empty").mkdir()
    (root / "car" / "notes.txt").write_text("x")
    (root / "car" / "sub.npy").mkdir()
    (root / "car" / ".hidden").write_text("x")
    (root / ".git").mkdir()
    with pytest.warns(UserWarning) as caught:
        data = load_dataset(str(root))
    messages = sorted(str(warning.message) for warning in caught)
    assert messages[0].endswith(r"toys: 1 (empty) without a .npy file, left out")
    assert f"2 ({root}/car/notes.txt, {root}/car/sub.npy) left out, not .npy files" in messages[1]
    assert len(messages) == 2 and len(data) == 6 and data.class_names == ("ball", "car", "doll")


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.zeros(4), "a vector of width 4, but {first} has width 3"),
        (np.zeros((2, 3)), "holds an array of shape (2, 3), expected one vector (d,)"),
        (np.zeros(0), "holds an array of shape (0,), expected one vector (d,)"),
        (np.zeros(()), "holds an array of shape (), expected one vector (d,)"),
        (np.array([0, np.nan, 0], "f4"), "holds NaN, infinity or a value too large for float32"),
        (np.array([0, 1e300, 0]), "holds NaN, infinity or a value too large for float32"),
        (np.array([0, 1j, 0]), "holds complex128 values, expected real numbers"),
        (np.array(["a", "b", "c"]), "holds <U1 values, expected real numbers"),
        (
            np.array([1, None, 2], object),
            "not a readable .npy file (it holds pickled Python objects",
        ),
    ],
)
def test_a_bad_vector_is_refused_by_file(root, vector, message):
    path = root / "car" / "b.npy"
    np.save(path, vector, allow_pickle=True)
    assert refused(root).startswith(f"{path}: {message.format(first=root / 'ball' / 'a.npy')}")


def test_the_first_bad_file_is_named_wherever_a_thread_stumbles_first(root):
    for path in (root / "car" / "a.npy", root / "doll" / "a.npy"):
        np.save(path, np.zeros(9))
    assert refused(root).startswith(str(root / "car" / "a.npy"))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04K\x01."])
@pytest.mark.parametrize("name", ["ball/a.npy", "doll/b.npy"])
def test_unreadable_files_are_refused(root, content, name):
    (root / name).write_bytes(content)
    assert refused(root).startswith(f"{root / name}: not a readable .npy file (")


def test_a_file_that_goes_away_is_named(root):
    path = root / "ball" / "a.npy"
    with pytest.raises(UserError, match=r"gone\.npy: cannot be read"):
        read_vectors([str(path), str(root / "gone.npy")])


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path, data):
    """Any bytes changed, or the end cut off: never a traceback, never a value that is not finite."""
    good = tmp_path / "good.npy"
    np.save(good, np.arange(3.0))
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    bad = tmp_path / "bad.npy"
    bad.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    for files in ([str(good), str(bad)], [str(bad), str(good)]):
        try:
            assert np.isfinite(read_vectors(files)).all()
        except UserError as error:
            assert "\n" not in str(error)


def test_folders_without_vectors_say_what_is_expected(tmp_path):
    root = tmp_path / "things"
    root.mkdir()
    expected = f"{root}: holds no embeddings, expected one vector a file in {root}/<class>/<name>.npy"
    assert refused(root) == expected
    np.save(root / "a.npy", np.zeros(3))
    assert refused(root) == expected
    (root / "cat").mkdir()
    assert refused(root) == expected
    (root / "cat" / "1.JPG").write_bytes(b"x")
    assert refused(root) == (
        f"{root}: holds images, not embeddings; make them with `python -m hasher embed {root} --out data/things.npz`"
    )


def test_a_single_class_or_item_is_refused(tmp_path):
    (tmp_path / "toys" / "ball").mkdir(parents=True)
    np.save(tmp_path / "toys" / "ball" / "a.npy", np.zeros(3))
    assert refused(tmp_path / "toys") == f"{tmp_path / 'toys'}: features hold 1 item(s), at least two are needed"
    np.save(tmp_path / "toys" / "ball" / "b.npy", np.zeros(3))
    assert "every labelled item is of the class 'ball'" in refused(tmp_path / "toys")


def test_files_need_no_header_in_common(tmp_path):
    """A file as long as the first and with another header is parsed for itself."""
    stream = io.BytesIO()
    np.save(stream, np.arange(4, dtype=np.float32))
    (tmp_path / "a.npy").write_bytes(stream.getvalue())
    np.save(tmp_path / "b.npy", np.arange(4, dtype=np.int32))
    vectors = read_vectors([str(tmp_path / "a.npy"), str(tmp_path / "b.npy")])
    assert (tmp_path / "a.npy").stat().st_size == (tmp_path / "b.npy").stat().st_size
    assert vectors.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
