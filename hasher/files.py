"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def shown(path: str | Path) -> str:
    """`path` as a person reads it with least effort: from the current folder on, where it lies below that."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write `path` into: beside it under a temporary name, renamed in the end, gone where anything is raised.

    Creates missing folders. Not yet synchronised with the disk: after a power cut `path` may hold anything.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, whole or not at all even where the power fails. Creates missing folders."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
