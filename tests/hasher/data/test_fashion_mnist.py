"""Fashion-MNIST from folders, from a server that works or does not, and the IDX format under it."""

import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from hasher.data import fashion_mnist, idx, load_dataset
from hasher.errors import UserError

TRAIN, TEST = 24, 12


def idx_bytes(array, code=0x08):
    header = bytes([0, 0, code, array.ndim]) + b"".join(struct.pack(">I", side) for side in array.shape)
    return header + array.astype(idx.TYPES[code]).tobytes()


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Small files in place of the real ones, their checksums, and nothing at Debian's place or on the net."""
    rng = np.random.default_rng(0)
    files = {
        "train-images-idx3-ubyte": idx_bytes(rng.integers(0, 256, (TRAIN, 28, 28))),
        "train-labels-idx1-ubyte": idx_bytes(np.arange(TRAIN) % 10),
        "t10k-images-idx3-ubyte": idx_bytes(rng.integers(0, 256, (TEST, 28, 28))),
        "t10k-labels-idx1-ubyte": idx_bytes(np.arange(TEST) % 10),
    }
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(fashion_mnist, "CHECKSUMS", checksums)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    return files


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serve `files`, compressed, from a local server as one more mirror; returns the paths asked for."""
    servers = []

    def serve(files):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path.strip("/"))
                content = files.get(self.path.strip("/").removesuffix(".gz"))
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        mirror = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(fashion_mnist, "MIRRORS", (*fashion_mnist.MIRRORS, mirror))
        return asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def write(folder, files, compress):
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, content) in enumerate(files.items()):
        if compress(number):
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def check(data, files):
    pixels = np.concatenate(
        [np.frombuffer(files[f"{part}-images-idx3-ubyte"], "u1", offset=16) for part in ("train", "t10k")]
    )
    assert data.name == "fashion_mnist" and data.image_shape == (28, 28)
    assert np.array_equal(data.features, pixels.reshape(-1, 784).astype(np.float32) / np.float32(255))
    assert data.labels.tolist() == [*(np.arange(TRAIN) % 10), *(np.arange(TEST) % 10)]
    assert data.is_query.tolist() == [False] * TRAIN + [True] * TEST
    assert data.class_names[9] == "Ankle boot"


@pytest.mark.parametrize("place", ["data/fashion_mnist", "debian"])
@pytest.mark.parametrize("compress", [lambda _: True, lambda _: False, lambda number: number % 2 == 0])
def test_files_are_read_from_either_folder_compressed_or_not(small, tmp_path, place, compress):
    write(tmp_path / place, small, compress)
    check(load_dataset("fashion_mnist", tmp_path / "data"), small)


def test_missing_files_are_downloaded_once(small, tmp_path, serve):
    """The first mirror fails; what the folder has already is not fetched again."""
    compressed = {name: gzip.compress(content) for name, content in small.items()}
    serve({})
    asked = serve(compressed)
    folder = tmp_path / "data" / "fashion_mnist"
    folder.mkdir(parents=True)
    (folder / "train-labels-idx1-ubyte").write_bytes(small["train-labels-idx1-ubyte"])
    check(load_dataset("fashion_mnist", tmp_path / "data"), small)
    assert sorted(asked) == sorted(f"{name}.gz" for name in small if name != "train-labels-idx1-ubyte")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*asked, "train-labels-idx1-ubyte"])
    check(load_dataset("fashion_mnist", tmp_path / "data"), small)
    assert len(asked) == 3


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-9], lambda c: gzip.compress(b"other"), lambda c: b"<html>", lambda c: c[:40]]
)
def test_a_bad_download_leaves_nothing_behind(small, tmp_path, serve, damage):
    serve({name: damage(gzip.compress(content)) for name, content in small.items()})
    with pytest.raises(UserError, match="cannot be downloaded") as caught:
        load_dataset("fashion_mnist", tmp_path / "data")
    assert "install Debian's package dataset-fashion-mnist" in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.gz")) and not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_a_network_the_error_says_what_to_do(small, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(UserError, match=r"put its four \.gz files into <data folder>/fashion_mnist"):
        load_dataset("fashion_mnist", tmp_path)


def test_mnist_does_not_pass_for_fashion_mnist(small, tmp_path):
    """MNIST's files have the same names and shapes."""
    folder = tmp_path / "fashion_mnist"
    write(folder, {**small, "t10k-labels-idx1-ubyte": idx_bytes(np.arange(TEST) % 9)}, lambda _: False)
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte: not Fashion-MNIST's t10k-labels-idx1-ubyte: SHA-256"):
        load_dataset("fashion_mnist", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(small, tmp_path, serve):
    serve({name: gzip.compress(content) for name, content in small.items()})
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"data/fashion_mnist/train-images-idx3-ubyte\.gz: cannot be written"):
        load_dataset("fashion_mnist", tmp_path / "data")


@pytest.mark.skipif(not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_real_files(tmp_path):
    data = load_dataset("fashion_mnist", tmp_path)
    assert data.features.shape == (70_000, 784) and data.features.max() == 1 and data.features.min() == 0
    assert data.is_query.sum() == 10_000 and data.is_query[60_000:].all()
    assert np.bincount(data.labels).tolist() == [7000] * 10
    assert np.bincount(data.labels[60_000:]).tolist() == [1000] * 10


@pytest.mark.parametrize("code", idx.TYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 4), (0, 5)])
def test_idx_arrays_of_every_type(code, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(idx.TYPES[code])
    read = idx.parse(idx_bytes(array, code), "x")
    assert np.array_equal(read, array) and read.shape == shape and read.dtype.isnative


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x: not an IDX file"),
        (b"\0\0\x08", "x: not an IDX file"),
        (b"\0\1\x08\1\0\0\0\1a", "x: not an IDX file"),
        (b"\0\0\x07\1\0\0\0\1a", "x: not an IDX file"),
        (b"\0\0\x08\0", "x: not an IDX file"),
        (b"\0\0\x08\1\0\0\0\2a", "x: holds 9 bytes where its header promises 10"),
        (b"\0\0\x08\1\0\0\0\1ab", "x: holds 10 bytes where its header promises 9"),
        (b"\0\0\x08\2\0\0\0\2", "x: holds 8 bytes where its header promises"),
    ],
)
def test_what_is_not_idx_is_refused(content, message):
    with pytest.raises(UserError, match=message):
        idx.parse(content, "x")
