"""Embeddings to hash codes: a code depends on its own item alone, never on the batch it was encoded in."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hasher.data.embedding_set import LONGEST
from hasher.encoders import Encoder
from hasher.errors import UserError

#: Items encoded at a time; bounds memory at CHUNK × (d + w + b) floats whatever the number of items. Larger chunks fall
#: out of the cache and are slower.
CHUNK = 2048


def encode(encoder: Encoder, features: NDArray[Any]) -> NDArray[np.bool_]:
    """Hash codes of `features` (n, d) as booleans (n, bits): True where the real value is positive.

    `features` may be of any real type, and mapped from a file: only a chunk at a time is read.

    Raises `UserError` where d is not the width the encoder was trained on, or a vector is not finite or is
    longer than `LONGEST`.
    """
    _check_width(encoder, features)
    codes = np.empty((len(features), encoder.bits), dtype=bool)
    for rows, chunk in _chunks(encoder, features):
        codes[rows] = (chunk > 0).cpu().numpy()
    return codes


def real_values(encoder: Encoder, features: NDArray[Any]) -> NDArray[np.float32]:
    """What the bits of `encode` are the signs of: the encoder's outputs for `features` (n, d), (n, bits).

    Raises `UserError` as `encode` does.
    """
    _check_width(encoder, features)
    values = np.empty((len(features), encoder.bits), dtype=np.float32)
    for rows, chunk in _chunks(encoder, features):
        values[rows] = chunk.cpu().numpy()
    return values


def encode_packed(
    encoder: Encoder, features: NDArray[Any], progress: Callable[[int], object] = lambda items: None
) -> NDArray[np.uint8]:
    """The codes of `encode` packed eight to a byte: uint8 (n, ceil(bits / 8)), as `numpy.packbits` does.

    `progress` is called with the number of items of each chunk that is done.
    """
    _check_width(encoder, features)
    packed = np.empty((len(features), -(-encoder.bits // 8)), dtype=np.uint8)
    for rows, chunk in _chunks(encoder, features):
        packed[rows] = np.packbits((chunk > 0).cpu().numpy(), axis=1)
        progress(len(chunk))
    return packed


def _check_width(encoder: Encoder, features: NDArray[Any]) -> None:
    width = encoder.width
    if features.ndim != 2 or features.shape[1] != width:
        raise UserError(f"features: shape {features.shape} does not fit this hasher, expected (n, {width})")


def _chunks(encoder: Encoder, features: NDArray[Any]) -> Iterator[tuple[slice, Tensor]]:
    """The encoder's outputs chunk by chunk, on its device, and the rows they belong to."""
    # The same memory for every chunk: as much as this, freed and asked for anew, costs a page fault for every 4 KB.
    scratch = torch.empty(min(CHUNK, len(features)), encoder.width, device=encoder.mean.device)
    for start in range(0, len(features), CHUNK):
        rows = slice(start, min(start + CHUNK, len(features)))
        yield rows, _outputs(encoder, features[rows], scratch, start)


@torch.inference_mode()
def _outputs(encoder: Encoder, chunk: NDArray[Any], scratch: Tensor, start: int) -> Tensor:
    with np.errstate(over="ignore"):
        # a copy where it must be one: torch warns of memory that may not be written, though nothing here writes
        values = torch.from_numpy(np.require(chunk, np.float32, ["C", "W"])).to(encoder.mean.device)
    _check_lengths(values, start)
    return encoder.forward_within(values, scratch[: len(values)])


def _check_lengths(values: Tensor, start: int) -> None:
    """Refuse vectors that are not finite or too long to reckon with: they would be given some code or other."""
    least, greatest = torch.aminmax(values)  # far cheaper than every length, and nearly always enough
    if torch.maximum(-least, greatest) * values.shape[1] ** 0.5 <= LONGEST:  # false for NaN
        return
    usable = torch.linalg.vector_norm(values, dim=1, dtype=torch.float64) <= LONGEST
    if not usable.all():
        row = start + int(usable.logical_not().nonzero()[0, 0])
        raise UserError(f"features: row {row} holds NaN or infinity, or is longer than {LONGEST:g}")
