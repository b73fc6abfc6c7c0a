"""From what a person types, a name or a path, to a data set."""

import os
from collections.abc import Callable
from pathlib import Path

from hasher.console import printable, shortened
from hasher.data.arrays import Arrays
from hasher.data.digits import load_digits
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.fashion_mnist import load_fashion_mnist
from hasher.data.folder import load_folder
from hasher.data.formats.huggingface import ON_HUB, hub_name, is_saved, read_hub, read_saved
from hasher.data.formats.labels import label_file, with_labels
from hasher.data.formats.table import EXPECTED, READERS
from hasher.data.gaussian import gaussian_recipe, load_gaussian
from hasher.data.keys import NO_KEYS, Keys
from hasher.data.mirflickr import load_mirflickr, load_relevant_mirflickr
from hasher.errors import DataNotFound, UserError
from hasher.files import open_regular

DEFAULT_DATA_DIR = Path("data")

#: Data sets that need no file of the user's; each is given the data folder.
BUILT_IN: dict[str, Callable[[Path], EmbeddingSet]] = {
    "digits": lambda data_dir: load_digits(),
    "fashion_mnist": load_fashion_mnist,
    "mirflickr25k": load_mirflickr,
    "mirflickr25k_r1": load_relevant_mirflickr,
}

#: Bytes of a name, of the 255 that names of files have: some have more after it.
LONGEST_NAME = 200

#: Data sets of the paper, known to `python -m hasher embed` by name.
EMBEDDABLE = ("stl10", "stanford_cars", "tiny_imagenet")


def load_dataset(source: str, data_dir: Path | None = None, keys: Keys = NO_KEYS) -> EmbeddingSet:
    """Load a data set by name or by path.

    A built-in name (``digits``) or a recipe (``gaussian:200``) comes first, then the name of an embedding file,
    ``<data_dir>/<name>.npz`` or ``<data_dir>/embeddings/<name>.npz``, then the path of a file of one of the
    `hasher.data.formats` or of a folder of ``<class>/<name>.npy``.

    Args:
        source: the name or path.
        data_dir: where named data sets live, and where downloads and caches go; ``data`` by default.
        keys: what a file calls its parts.

    Raises:
        UserError: nothing of that name or path, or data that is no good; the message says what would be.
    """
    found = open_data(source, data_dir, keys)
    return found.dataset() if isinstance(found, Arrays) else found


def open_data(source: str, data_dir: Path | None, keys: Keys) -> EmbeddingSet | Arrays:
    """As `load_dataset`, but a file's arrays are not looked at yet: they may lack labels."""
    data_dir = DEFAULT_DATA_DIR if data_dir is None else data_dir
    dataset_name(source)
    if source in BUILT_IN:
        return BUILT_IN[source](data_dir)
    recipe = gaussian_recipe(source)
    if recipe is not None:
        return load_gaussian(recipe)
    if source.startswith(ON_HUB):
        return read_hub(source, keys)
    path = named_file(source, data_dir) or Path(source).expanduser()
    if not source or not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for names no file can have
        raise DataNotFound(_not_found(source, data_dir))
    if path.is_dir() and is_saved(path):
        return read_saved(path, keys)
    if path.is_dir():
        return load_folder(path, data_dir / "cache")
    if path.suffix not in READERS:
        raise UserError(f"{path}: no kind of data that is read, expected a folder or a name that ends in {EXPECTED}")
    open_regular(path).close()  # libraries would wait for a pipe
    labels, read = label_file(path, keys), READERS[path.suffix]
    if labels is None:
        return read(path, keys)
    return with_labels(read(path, Keys(keys.features)), labels, keys)  # the other keys are those of the label file


def dataset_name(source: str) -> str:
    """The name in tables and file names of the data set that `source` stands for, without loading it.

    A built-in name is itself and a recipe's is made fit for files (``gaussian-200`` of ``gaussian:200``); otherwise it
    is the stem of an embedding file or the last part of a folder's path.

    Raises:
        UserError: a recipe that is none, and a name that would lead elsewhere (``..``), hide its files, command a
            terminal or be too long.
    """
    recipe = gaussian_recipe(source)
    if recipe is not None:
        return recipe.name
    path = Path(source)
    if path.name in ("", ".."):  # the folder that we are in, or one around it
        path = Path(os.path.abspath(source)) if source else path  # noqa: PTH100 - links keep their names
        source = path.name
    name = path.stem if path.suffix in READERS else hub_name(source)
    if not name or name.startswith(".") or printable(name) != name or len(os.fsencode(name)) > LONGEST_NAME:
        raise UserError(
            f"{shortened(repr(source))}: files are named as the data, and none can be named {shortened(repr(name))}: "
            f"expected a name that begins with no dot, of letters that can be shown, {LONGEST_NAME} bytes at most"
        )
    return name


def _is_name(source: str) -> bool:
    return Path(source).name == source and Path(source).suffix not in READERS


def named_file(name: str, data_dir: Path) -> Path | None:
    """The embedding file of the data folder that `name` stands for; None where there is none."""
    if not _is_name(name):
        return None
    candidates = [folder / f"{name}{suffix}" for suffix in READERS for folder in (data_dir, data_dir / "embeddings")]
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - likewise


def _not_found(source: str, data_dir: Path) -> str:
    if not _is_name(source):
        return f"{source}: no such file or folder"
    if source in EMBEDDABLE:
        file = data_dir / f"{source}.npz"
        return f"{source}: {file} does not exist; make it with `python -m hasher embed {source} --out {file}`"
    files = sorted([*data_dir.glob("*"), *data_dir.glob("embeddings/*")])
    found = ", ".join(path.stem for path in files if path.suffix in READERS) or "none"
    return (
        f"{source}: no data set of this name; built in: {', '.join(BUILT_IN)}, gaussian:CLASSES; embedding files in "
        f"{data_dir}: {found}; or give the path of a file ({EXPECTED}) or of a folder <root>/<class>/<name>.npy"
    )
