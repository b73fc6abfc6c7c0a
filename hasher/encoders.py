"""The part of a hasher that outlives training: maps one embedding to one hash code, with no graph and no batch."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class Encoder(nn.Module, ABC):
    """Real values, whose signs are the hash code, of one embedding after the other.

    `mean` (d,) is the mean of the training embeddings, which every encoder centres on.
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


class TwoLayerEncoder(Encoder):
    """GELU(F W1) W2 of the normalised embedding F: the encoder of HAGCN's autoencoder and its hash layer.

    Parameters: `width` is w and `bits` is b.
    """

    def __init__(self, mean: Tensor, width: int, bits: int) -> None:
        super().__init__(mean)
        self.to_continuous = nn.Linear(mean.shape[0], width)
        self.to_bits = nn.Linear(width, bits)

    @property
    def bits(self) -> int:
        return self.to_bits.out_features

    @torch.no_grad()  # embeddings are given; this way the steps can be done in place, in half the time
    def normalise(self, features: Tensor) -> Tensor:
        """Centre on the training mean, scale to length sqrt(d)/5: (n, d) → (n, d). A zero vector stays zero."""
        centred = features - self.mean
        length = torch.linalg.vector_norm(centred, dim=1, keepdim=True).clamp_(min=1e-12)
        return centred.div_(length).mul_(features.shape[1] ** 0.5 / 5)

    def continuous(self, normalised: Tensor) -> Tensor:
        """The continuous code Z1 = GELU(F W1): (n, d) → (n, w)."""
        return functional.gelu(self.to_continuous(normalised))

    def forward(self, features: Tensor) -> Tensor:
        return self.to_bits(self.continuous(self.normalise(features)))
