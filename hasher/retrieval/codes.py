"""Hash codes as arrays: boolean, ±1, packed bytes, and the 64-bit words that distances are computed on.

Packed means the order of `numpy.packbits`: bit 0 is the highest bit of byte 0, and the last byte is filled with zeros.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hasher.errors import UserError


def as_array(values: ArrayLike, name: str) -> NDArray:
    """`values` (an array, nested lists, a CPU tensor without gradient) as a numpy array, or a `UserError`."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: cannot be read as an array: {str(error).splitlines()[0]}") from None


def as_bool(codes: ArrayLike, name: str = "codes") -> NDArray[np.bool_]:
    """Codes of shape (n, bits), boolean or -1/+1 of any numeric type, as booleans (+1 is True).

    Raises:
        UserError: not two-dimensional, no bits, not numeric, or a value that is neither -1 nor +1. `name` opens the
            message.
    """
    array = as_array(codes, name)
    if array.ndim != 2 or array.shape[1] == 0:
        raise UserError(f"{name}: expected shape (n, bits) with at least one bit, not {array.shape}")
    if array.dtype == np.bool_:
        return array
    if array.dtype.kind not in "iuf":
        raise UserError(f"{name}: expected booleans or numbers, not {array.dtype}")
    positive = array == 1
    valid = positive | (array == -1)
    if not valid.all():
        row, column = np.argwhere(~valid)[0]
        found = f"{array[row, column]} (row {row}, bit {column})"
        raise UserError(f"{name}: expected booleans, or numbers that are all -1 or +1, not {found}")
    return positive


def pack(codes: ArrayLike) -> NDArray[np.uint8]:
    """Codes (n, bits), boolean or ±1, packed eight bits a byte: uint8 (n, ceil(bits / 8))."""
    return np.packbits(as_bool(codes), axis=1)


def unpack(packed: NDArray[np.uint8], bits: int) -> NDArray[np.bool_]:
    """The inverse of `pack`: boolean (n, bits).

    Raises:
        UserError: `packed` is not uint8 of shape (n, ceil(bits / 8)).
    """
    check_packed(packed, bits, "packed")
    return np.unpackbits(packed, axis=1, count=bits).astype(np.bool_)


def check_packed(packed: NDArray[np.uint8], bits: int, name: str) -> None:
    """Raise `UserError` unless `packed` is uint8 of shape (n, ceil(bits / 8))."""
    if bits < 1:
        raise UserError(f"bits: must be at least 1, not {bits}")
    width = -(-bits // 8)
    if packed.ndim != 2 or packed.dtype != np.uint8 or packed.shape[1] != width:
        raise UserError(
            f"{name}: expected uint8 of shape (n, {width}) for {bits} bits, not {packed.dtype} of shape {packed.shape}"
        )


def check_padding(packed: NDArray[np.uint8], bits: int, name: str) -> None:
    """Raise `UserError` where packed codes (n, ceil(bits / 8)) have a bit set among those that fill the last byte."""
    spare = -bits % 8
    if spare and len(packed):
        used = packed[:, -1] & ((1 << spare) - 1)
        if used.any():
            raise UserError(
                f"{name}: row {int(used.argmax())} has a bit set beyond the {bits} of a code; bits that fill the last "
                f"byte must be 0"
            )


def as_words(packed: ArrayLike, bits: int, name: str = "packed") -> NDArray[np.uint64]:
    """Packed codes as 64-bit words, uint64 (n, ceil(bits / 64)), filled with zeros.

    Takes uint8 (n, ceil(bits / 8)) as `pack` returns them, or uint64 words, which are returned as they are. The order
    of bits inside a word does not matter to Hamming distances; it only has to be the same in all codes compared.

    Raises:
        UserError: any other type or shape.
    """
    array = as_array(packed, name)
    words = -(-bits // 64)
    if array.dtype == np.uint64:
        if array.ndim != 2 or array.shape[1] != words:
            raise UserError(f"{name}: expected shape (n, {words}) for {bits} bits in uint64 words, not {array.shape}")
        return np.ascontiguousarray(array)
    check_packed(array, bits, name)
    filled = np.zeros((len(array), 8 * words), np.uint8)
    filled[:, : array.shape[1]] = array
    return filled.view(np.uint64)
