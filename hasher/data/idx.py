"""IDX, the file format of MNIST and its successors: a big-endian header, then one array."""

import gzip
import io
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def decompress(content: bytes, most: int, where: str) -> bytes:
    """`content` itself, or what it holds where it is gzip (told by its first bytes, not by a name).

    Raises `UserError` for a damaged file, and one that holds more than `most` bytes; `where` opens the message.
    """
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as file:
            found = file.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{where}: damaged gzip file ({error})") from None
    if len(found) > most:
        raise UserError(f"{where}: holds more than {most:,} bytes")
    return found


def parse(content: bytes, where: str) -> NDArray[Any]:
    """The array in an uncompressed IDX file.

    Raises:
        UserError: no IDX file, or one whose length does not agree with its header; `where` opens the message.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or content[3] == 0:
        raise UserError(f"{where}: not an IDX file, it begins with {content[:4]!r}")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    dtype = np.dtype(TYPES[content[2]])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise UserError(f"{where}: holds {len(content)} bytes where its header promises {expected}")
    return np.frombuffer(content, dtype=dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
