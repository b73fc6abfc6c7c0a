"""`tbh`: auto-encoding twin-bottleneck hashing, whose codes are a graph of the mini-batch (Shen et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hasher.contract import BatchSize, Epochs, LearningRate
from hasher.encoders import TwoLayerEncoder
from hasher.methods.neural import NeuralConfig, NeuralMethod
from hasher.training.loop import MiniBatch, TrainedModel
from hasher.training.signs import straight_through


class TBHConfig(NeuralConfig):
    """The defaults are the authors', but for the epochs, for they make 100,000 steps on any data, and for λ.

    Theirs is 1 beside the squared errors of 400 features of VGG, summed up; here the error is a share of 1. With a λ of
    2e-3 all digits soon had one code.
    """

    hidden_width: int = Field(1024, ge=1, description="width of the layers between embedding and bottlenecks")
    continuous_width: int = Field(512, ge=1, description="width of the continuous bottleneck")
    agreement_power: float = Field(1.4, gt=0, description="exponent of the agreement of two codes in an edge's weight")
    lambda_adv: float = Field(0.00001, ge=0, description="weight of what deceives the discriminators (λ)")
    batch_size: BatchSize = 400
    learning_rate: LearningRate = 0.0001
    epochs: Epochs = 100


#: Root mean square of the numbers in a normalised embedding.
SIZE = 1 / 5


@dataclass(frozen=True)
class Bottlenecks:
    """What one mini-batch becomes: n items, b bits, w the width of the continuous bottleneck."""

    bits: Tensor  #: (n, b), 0 or 1, with the gradient of their probabilities
    filtered: Tensor  #: z' (n, w), in (0, 1)
    reconstruction: Tensor  #: (n, d)


def hamming_adjacency(bits: Tensor, power: float) -> Tensor:
    """Â = D^-½ A D^-½ of A_ij = (1 - Hamming_ij / b)^power: (n, n), of `bits` (n, b) that are 0 or 1.

    A_ii = 1, so no degree is 0. Written with products, the distance has a gradient.
    """
    distance = bits @ (1 - bits).T + (1 - bits) @ bits.T
    weights = (1 - distance / bits.shape[1]).clamp_min(0) ** power
    scale = weights.sum(dim=1).rsqrt()
    return scale[:, None] * weights * scale


class ReverseGradient(torch.autograd.Function):
    """The identity, whose gradient is turned round and multiplied by a weight (Ganin & Lempitsky, ICML 2015)."""

    @staticmethod
    def forward(context: Any, values: Tensor, weight: float) -> Tensor:
        context.weight = weight
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.weight * gradients[0], None


def reverse_gradient(values: Tensor, weight: float) -> Tensor:
    """`values`; what they come from learns the opposite of what a loss behind them asks for, times `weight`."""
    reversed_: Tensor = ReverseGradient.apply(values, weight)
    return reversed_


def discrimination_loss(drawn: Tensor, encoded: Tensor) -> Tensor:
    """-mean log σ(`drawn`) - mean log(1 - σ(`encoded`)), of a discriminator's logits for the prior and for codes."""
    return functional.softplus(-drawn).mean() + functional.softplus(encoded).mean()


class TBHModel(TrainedModel):
    """Encoder, graph convolution, decoder and two discriminators, one a bottleneck.

    The authors give encoder and discriminators an Adam each, and step both from the gradients of one pass. One loss
    with a reversed gradient between the two does the same, for Adam treats every weight by itself: the discriminators
    lower their loss, and all before them raises it.

    Weights start as Glorot's, as theirs do, but for two layers. The first starts as He's for numbers of the size that
    embeddings have, for otherwise both sigmoids would say a half of everything for many epochs. The last starts at 0,
    the mean of the items: of a random decoder's noise the encoder would rid itself by giving all items one code.
    """

    encoder: TwoLayerEncoder
    loss_names = ("loss", "loss_rec", "loss_adv")

    def __init__(self, config: TBHConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        hidden, width = config.hidden_width, config.continuous_width
        self.encoder = TwoLayerEncoder(mean, hidden, config.bits, functional.relu)
        self.to_continuous = nn.Linear(hidden, width)
        self.to_graph = nn.Linear(width, width)
        last = nn.Linear(hidden, len(mean))
        self.decoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), last)
        self.judge_bits = nn.Linear(config.bits, 1)
        self.judge_filtered = nn.Linear(width, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.encoder.to_continuous.weight, std=(2 / len(mean)) ** 0.5 / SIZE)
        nn.init.zeros_(last.weight)

    def forward(self, normalised: Tensor) -> Bottlenecks:
        """One mini-batch of embeddings (n, d), as `TrainedEncoder.normalise` makes them."""
        hidden = self.encoder.continuous(normalised)
        logits = self.encoder.to_bits(hidden)
        bits = straight_through((logits > 0).to(logits.dtype), logits.sigmoid())
        continuous = self.to_continuous(hidden).sigmoid()
        adjacency = hamming_adjacency(bits, self.config.agreement_power)
        filtered = (adjacency @ self.to_graph(continuous)).sigmoid()
        return Bottlenecks(bits, filtered, self.decoder(filtered))

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        """mean ||x̂ - x||² / ||x||², of which the mean of the items has 1, and the loss of the discriminators."""
        found = self(batch.normalised)
        reconstruction = functional.mse_loss(found.reconstruction, batch.normalised) / SIZE**2
        coins, uniform = prior_draws(found, batch.random)
        judged = ((self.judge_bits, coins, found.bits), (self.judge_filtered, uniform, found.filtered))
        adversarial = torch.stack([self._discrimination(*each) for each in judged]).sum()
        return {"loss": reconstruction + adversarial, "loss_rec": reconstruction, "loss_adv": adversarial}

    def _discrimination(self, judge: nn.Linear, drawn: Tensor, encoded: Tensor) -> Tensor:
        return discrimination_loss(judge(drawn), judge(reverse_gradient(encoded, self.config.lambda_adv)))


def prior_draws(found: Bottlenecks, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Fair coins and uniform numbers of the shapes of the two bottlenecks, on their device."""
    coins = torch.randint(2, found.bits.shape, generator=random).to(found.bits)
    return coins, torch.rand(found.filtered.shape, generator=random).to(found.filtered)


class TBH(NeuralMethod):
    """An autoencoder that has to say by its codes which items are alike."""

    name, label = "tbh", "TBH"
    Config = TBHConfig

    def build(self, config: TBHConfig, mean: Tensor) -> TBHModel:
        return TBHModel(config, mean)
