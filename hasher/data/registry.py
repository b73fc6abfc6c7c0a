"""From what a person types, a name or a path, to a data set."""

import os
from collections.abc import Callable
from pathlib import Path

from hasher.console import printable, shortened
from hasher.data.digits import load_digits
from hasher.data.embedding_set import EmbeddingSet
from hasher.data.fashion_mnist import load_fashion_mnist
from hasher.data.folder import load_folder
from hasher.data.gaussian import gaussian_recipe, load_gaussian
from hasher.data.mirflickr import load_mirflickr, load_relevant_mirflickr
from hasher.data.npz import load_npz
from hasher.errors import DataNotFound, UserError

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


def load_dataset(source: str, data_dir: Path | None = None) -> EmbeddingSet:
    """Load a data set by name or by path.

    A built-in name (``digits``) or a recipe (``gaussian:200``) comes first, then the name of an embedding file,
    ``<data_dir>/<name>.npz`` or ``<data_dir>/embeddings/<name>.npz``, then the path of an ``.npz`` file or of a
    folder of ``<class>/<name>.npy``.

    Args:
        source: the name or path.
        data_dir: where named data sets live, and where downloads and caches go; ``data`` by default.

    Raises:
        UserError: nothing of that name or path, or data that is no good; the message says what would be.
    """
    data_dir = DEFAULT_DATA_DIR if data_dir is None else data_dir
    dataset_name(source)
    if source in BUILT_IN:
        return BUILT_IN[source](data_dir)
    recipe = gaussian_recipe(source)
    if recipe is not None:
        return load_gaussian(recipe)
    path = _named_file(source, data_dir) or Path(source).expanduser()
    if not source or not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for names no file can have
        raise DataNotFound(_not_found(source, data_dir))
    if path.is_dir():
        return load_folder(path, data_dir / "cache")
    if path.suffix != ".npz":
        raise UserError(f"{path}: a data set is an .npz file or a folder, expected a name that ends in .npz")
    return load_npz(path)


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
    name = path.stem if path.suffix == ".npz" else path.name
    if not name or name.startswith(".") or printable(name) != name or len(os.fsencode(name)) > LONGEST_NAME:
        raise UserError(
            f"{shortened(repr(source))}: files are named as the data, and none can be named {shortened(repr(name))}: "
            f"expected a name that begins with no dot, of letters that can be shown, {LONGEST_NAME} bytes at most"
        )
    return name


def _is_name(source: str) -> bool:
    return Path(source).name == source and not source.endswith(".npz")


def _named_file(name: str, data_dir: Path) -> Path | None:
    if not _is_name(name):
        return None
    candidates = (data_dir / f"{name}.npz", data_dir / "embeddings" / f"{name}.npz")
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - likewise


def _not_found(source: str, data_dir: Path) -> str:
    if not _is_name(source):
        return f"{source}: no such file or folder"
    if source in EMBEDDABLE:
        file = data_dir / f"{source}.npz"
        return f"{source}: {file} does not exist; make it with `python -m hasher embed {source} --out {file}`"
    files = sorted([*data_dir.glob("*.npz"), *data_dir.glob("embeddings/*.npz")])
    found = ", ".join(path.stem for path in files) or "none"
    return (
        f"{source}: no data set of this name; built in: {', '.join(BUILT_IN)}, gaussian:CLASSES; embedding files in "
        f"{data_dir}: {found}; or give the path of an .npz file or of a folder <root>/<class>/<name>.npy"
    )
