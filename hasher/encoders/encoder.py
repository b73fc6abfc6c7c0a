"""What every encoder is, and the simplest: a linear map."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


def centred(features: Tensor, mean: Tensor) -> Tensor:
    """`features` (n, d) less their mean (d,)."""
    return features - mean


def at_length_one(features: Tensor, mean: Tensor, out: Tensor | None = None) -> Tensor:
    """`features` (n, d) less their mean (d,), at length 1; a zero vector stays zero. In `out` where given."""
    vectors = torch.sub(features, mean, out=out)
    return vectors.div_(torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp_(min=1e-12))


class Encoder(nn.Module, ABC):
    """Real values, whose signs are the hash code, of one embedding after the other.

    `mean` (d,) is the mean of the training embeddings, which every encoder but `RawEncoder` centres on.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())

    @property
    def width(self) -> int:
        """Width of the embeddings it takes (d)."""
        return self.mean.shape[0]

    @property
    @abstractmethod
    def bits(self) -> int:
        """Length of its codes (b)."""

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Raw embeddings (n, d) → the real values whose signs are the hash code (n, b)."""

    def forward_within(self, features: Tensor, scratch: Tensor) -> Tensor:
        """`forward`, bit for bit; `scratch` (n, d) is memory that it may write to instead of taking more."""
        outputs: Tensor = self(features)
        return outputs


class LinearEncoder(Encoder):
    """Coordinates of the centred embedding along b `directions` (d, b): LSH, PCA-sign, ITQ."""

    directions: Tensor

    def __init__(self, mean: Tensor, directions: Tensor) -> None:
        super().__init__(mean)
        self.register_buffer("directions", directions.clone())

    @property
    def bits(self) -> int:
        return self.directions.shape[1]

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) @ self.directions
