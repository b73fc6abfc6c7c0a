"""`bi_half`: GreedyHash's cosines, of codes in which half of every bit is 1 in every mini-batch.

Li & van Gemert, "Deep Unsupervised Image Hashing by Maximizing Bit Entropy", AAAI 2021, on given embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from hasher.contract import BatchSize, Epochs
from hasher.encoders import OneLayerEncoder
from hasher.methods.neural import NeuralMethod
from hasher.methods.pairs import PairsConfig, cosine_error
from hasher.training.loop import MiniBatch, TrainedModel
from hasher.training.signs import straight_through


class BiHalfConfig(PairsConfig):
    """The settings of the authors, but for Adam in the place of SGD with momentum 0.9 and weight decay 0.0005.

    They train 300 epochs on CIFAR-10, and 100 on sets of several labels an image, with a step size that falls to a
    tenth after 120 or 60 each.
    """

    gamma: float = Field(6.0, ge=0, description="how strongly outputs are drawn to their half's code (γ)")
    batch_size: BatchSize = 32
    epochs: Epochs = 300


class BiHalfModel(TrainedModel):
    """A linear encoder and its objective:

    mean((cos(b_i, b_j) - cos(x_i, x_j))²) + γ/2 mean((u - b)²), with outputs u and codes b of which half are 1.

    In the authors' code the second term is no part of the loss, but what the backward pass of their layer adds to the
    gradient of u: γ (u - b) / (n b), which is its gradient. The codes b pass theirs on to u unchanged. Unseen items are
    encoded by sign(u), as by the authors: outputs of a bit are drawn to 1 and to -1 in equal parts, so that 0 lies
    between the halves.
    """

    encoder: OneLayerEncoder
    loss_names = ("loss", "loss_sim", "loss_quant")

    def __init__(self, config: BiHalfConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        self.encoder = OneLayerEncoder(mean, config.bits)

    @property
    def is_stackable(self) -> bool:
        return True

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        outputs = self.encoder.outputs(batch.normalised)
        codes = half_and_half(outputs)
        similarity = cosine_error(straight_through(codes, outputs), batch.normalised, self.config.pairs)
        quantisation = (outputs - codes).square().mean()
        total = similarity + self.config.gamma / 2 * quantisation
        return {"loss": total, "loss_sim": similarity, "loss_quant": quantisation}


@torch.no_grad()
def half_and_half(outputs: Tensor) -> Tensor:
    """1 for the ⌊n/2⌋ largest outputs of each bit and -1 for the others: (n, b) → (n, b), without gradient.

    It is the nearest of all codes with that many ones. Of equal outputs the first ones of the mini-batch come first.
    """
    order = outputs.argsort(dim=0, descending=True, stable=True)
    return torch.full_like(outputs, -1.0).scatter(0, order[: len(outputs) // 2], 1.0)


class BiHalf(NeuralMethod):
    """See `BiHalfModel`."""

    name, label = "bi_half", "Bi-half"
    Config = BiHalfConfig

    def build(self, config: BiHalfConfig, mean: Tensor) -> BiHalfModel:
        return BiHalfModel(config, mean)
