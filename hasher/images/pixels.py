"""Raw pixels as embeddings, what images are worth without a model: for ``--backbone hasher.images.pixels:grey_28``.

A picture is stretched to a square and flattened; values are from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image, Resampling


@dataclass(frozen=True)
class Pixels:
    """Pictures of `size` by `size` pixels; `mode` is Pillow's: "L" is grey, "RGB" colour."""

    size: int
    mode: str

    @property
    def about(self) -> dict[str, Any]:
        return {"preprocessing": {"mode": self.mode, "size": [self.size, self.size], "resample": "area"}}

    def preprocess(self, picture: Image) -> NDArray[np.float32]:
        small = picture.convert(self.mode).resize((self.size, self.size), Resampling.BOX)
        return np.asarray(small, dtype=np.float32).reshape(-1) / np.float32(255)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return batch


def grey_28() -> Pixels:
    """28 × 28 grey values: 784, as Fashion-MNIST has them."""
    return Pixels(28, "L")


def colour_16() -> Pixels:
    """16 × 16 colours: 768 values, as many as ViT-B/16 gives."""
    return Pixels(16, "RGB")
