"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 70,000 pictures of clothes, 28 by 28 pixels, ten classes."""

import hashlib
import http.client
import logging
import urllib.request
from pathlib import Path

import numpy as np

from hasher.data import idx
from hasher.data.embedding_set import EmbeddingSet
from hasher.errors import DataNotFound, UserError
from hasher.files import read_regular, write_atomically

logger = logging.getLogger(__name__)

#: Where Debian's package dataset-fashion-mnist puts the files.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

#: The authors' own two copies, tried in this order.
MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)

#: SHA-256 of each file uncompressed, so that it holds for any copy however it was compressed. MNIST's files have the
#: same names; without this check they would pass for Fashion-MNIST.
CHECKSUMS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

TIMEOUT_SECONDS = 60

#: Bytes of the largest of the files, uncompressed: 60,000 pictures and a header.
LARGEST = 60_000 * 28 * 28 + 16


def load_fashion_mnist(data_dir: Path) -> EmbeddingSet:
    """Pixels in [0, 1] as features (70000, 784); the 10,000 t10k pictures come last and are the official queries.

    The files are taken from ``data_dir/fashion_mnist`` or Debian's folder, whichever has all four, compressed or not;
    otherwise they are downloaded into ``data_dir/fashion_mnist``.

    Raises:
        UserError: a file that is not Fashion-MNIST's, or a download that fails.
    """
    folder = data_dir / "fashion_mnist"
    found = _find(folder) or _find(DEBIAN_FOLDER) or _download(folder)
    arrays = {name: idx.parse(_read(path, name), str(path)) for name, path in found.items()}
    train, test = arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"]
    pixels = np.concatenate([train, test])
    features = pixels.reshape(len(pixels), -1).astype(np.float32)
    features /= 255
    return EmbeddingSet(
        name="fashion_mnist",
        features=features,
        labels=np.concatenate([arrays["train-labels-idx1-ubyte"], arrays["t10k-labels-idx1-ubyte"]]).astype(np.int64),
        class_names=CLASS_NAMES,
        is_query=np.arange(len(pixels)) >= len(train),
        image_shape=(pixels.shape[1], pixels.shape[2]),
        source=str(next(iter(found.values())).parent),
    )


def _find(folder: Path) -> dict[str, Path] | None:
    """The four files of `folder` by name, or None where one is missing."""
    present = {name: _present(folder, name) for name in CHECKSUMS}
    found = {name: path for name, path in present.items() if path is not None}
    return found if len(found) == len(CHECKSUMS) else None


def _present(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read(path: Path, name: str) -> bytes:
    """The uncompressed content of `path`, known to be the file called `name`."""
    try:
        return _verify(read_regular(path, LARGEST), name, str(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _verify(content: bytes, name: str, where: str) -> bytes:
    uncompressed = idx.decompress(content, LARGEST, where)
    found = hashlib.sha256(uncompressed).hexdigest()
    if found != CHECKSUMS[name]:
        raise UserError(f"{where}: not Fashion-MNIST's {name}: SHA-256 {found[:12]}…, expected {CHECKSUMS[name][:12]}…")
    return uncompressed


def _download(folder: Path) -> dict[str, Path]:
    """Fetch whichever of the four files `folder` lacks; a file appears there only whole and verified."""
    found = {}
    for name in CHECKSUMS:
        present = _present(folder, name)
        if present is None:
            content = _fetch(name)
            present = folder / f"{name}.gz"
            try:
                write_atomically(present, content)
            except OSError as error:
                raise UserError(f"{present}: cannot be written ({error.strerror})") from None
        found[name] = present
    return found


def _fetch(name: str) -> bytes:
    problems = []
    for mirror in MIRRORS:
        url = f"{mirror}{name}.gz"
        logger.info("downloading %s", url)
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
                content: bytes = response.read(LARGEST)
            _verify(content, name, url)
            return content
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{url}: {error}")
        except UserError as error:
            problems.append(str(error))
    raise DataNotFound(
        f"fashion_mnist: cannot be downloaded ({'; '.join(problems)}); put its four .gz files into "
        f"<data folder>/fashion_mnist, or install Debian's package dataset-fashion-mnist"
    )
