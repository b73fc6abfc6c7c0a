"""Embeddings to hash codes: a code depends on its own item alone, never on the batch it was encoded in."""

import numpy as np
import torch

from hasher.errors import UserError
from hasher.model import Encoder
from hasher.retrieval import pack

#: Items encoded at a time; bounds memory at CHUNK × (d + w + b) floats whatever the number of items.
CHUNK = 8192


@torch.inference_mode()
def encode(encoder: Encoder, features: np.ndarray) -> np.ndarray:
    """Hash codes of `features` (n, d) as booleans (n, bits): True where the real value is positive.

    Raises `UserError` where d is not the width the encoder was trained on.
    """
    width = encoder.mean.shape[0]
    if features.ndim != 2 or features.shape[1] != width:
        raise UserError(f"features: shape {features.shape} does not fit this hasher, expected (n, {width})")
    codes = np.empty((len(features), encoder.to_bits.out_features), dtype=bool)
    for start in range(0, len(features), CHUNK):
        chunk = np.ascontiguousarray(features[start : start + CHUNK], dtype=np.float32)
        values = encoder(torch.from_numpy(chunk).to(encoder.mean.device))
        codes[start : start + CHUNK] = (values > 0).cpu().numpy()
    return codes


def encode_packed(encoder: Encoder, features: np.ndarray) -> np.ndarray:
    """The codes of `encode` packed eight to a byte: uint8 (n, ceil(bits / 8)), as `numpy.packbits` does."""
    return pack(encode(encoder, features))
