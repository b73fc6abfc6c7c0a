"""Files that appear whole or not at all, and files of whatever origin, opened only where they are files."""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: What is no file, though it has a name: opening or reading some of them waits for ever.
_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}  # fmt: skip

#: Characters of a file's name in that of its temporary one, which must not become too long for a name.
_PREFIX = 40


def open_regular(path: str | Path) -> BinaryIO:
    """The file at `path` for reading.

    Raises `OSError`, naming `path`, where it cannot be opened or is something else than a file: a named pipe, a device,
    a folder. None of these is waited for.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, f"{_KINDS.get(kind, 'no file')}, expected a file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | Path, most: int | None = None) -> bytes:
    """The content of a file. Raises `OSError` as `open_regular` does, and where it has more than `most` bytes."""
    with open_regular(path) as file:
        content = file.read(-1 if most is None else most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"larger than the {most:,} bytes that are read", str(path))
    return content


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

    Raises `OSError`, naming `path`, where it cannot be written.
    """
    prefix = f".{path.name[:_PREFIX]}."
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or Path(os.fsdecode(error.filename)).name.startswith(prefix):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `content` to `path`, whole or not at all even where the power fails. Creates missing folders.

    Raises `OSError`, naming `path`, where it cannot be written.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def sha256(content: bytes | Path) -> str:
    """The SHA-256 of `content`, or of what the file at this path holds, in hexadecimal digits."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
