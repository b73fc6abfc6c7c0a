"""HAGCN as its authors' released code computes it (https://github.com/IDASooinKim/DeepHashing).

It stands beside `hasher.methods.hagcn` so that tables have the paper's own objective too. Nothing is mended: the codes
come from a linear layer of the raw embedding that never meets the graph, and the hash loss asks their products to equal
those of the continuous codes, of whatever size these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hasher.encoders import RawEncoder
from hasher.methods.released.config import ReleasedConfig
from hasher.methods.released.filters import build_filter, propagation
from hasher.training.loop import MiniBatch, TrainedModel


@dataclass(frozen=True)
class Forward:
    """What one mini-batch gives the loss: n items x of d features, b bits."""

    relaxed_codes: Tensor  #: B (n, b), in (-1, 1)
    similarity: Tensor  #: Z1 Z1ᵀ/n (n, n)
    reconstruction: Tensor  #: x̂ (n, d)


class ReleasedHAGCN(TrainedModel):
    """Encoder, autoencoder and graph filter of one configuration, for embeddings of this `mean` (d,)."""

    encoder: RawEncoder
    loss_names = ("loss", "loss_rec", "loss_hash")

    def __init__(self, config: ReleasedConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        features = len(mean)
        width = config.ae_width or features
        self.encoder = RawEncoder(mean, config.bits)
        self.to_continuous = nn.Linear(features, width)
        self.filter = build_filter(config.filter, config.filter_order, width)
        self.decoder = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, features)
        )

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        """MSE(x̂, x) + λ_hash mean((B Bᵀ - b Z1 Z1ᵀ/n)²), the terms unweighted."""
        forward = self(batch.normalised, batch.random)
        codes = forward.relaxed_codes
        reconstruction = functional.mse_loss(forward.reconstruction, batch.normalised)
        hashing = (codes @ codes.T - self.config.bits * forward.similarity).square().mean()
        return {
            "loss": reconstruction + self.config.lambda_hash * hashing,
            "loss_rec": reconstruction,
            "loss_hash": hashing,
        }

    def forward(self, embeddings: Tensor, random: torch.Generator) -> Forward:
        """One mini-batch of raw embeddings x (n, d): Z1 = GELU(x W1), B = 2 σ(x W2) - 1 = tanh(x W2 / 2)."""
        continuous = functional.gelu(self.to_continuous(embeddings))
        similarity = continuous @ continuous.T / len(embeddings)
        filtered = self.filter(propagation(similarity), continuous, random)
        return Forward(torch.tanh(self.encoder.outputs(embeddings) / 2), similarity, self.decoder(filtered))
