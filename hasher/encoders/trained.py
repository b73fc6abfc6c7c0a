"""Encoders that are trained by gradient: networks of one layer or two."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from hasher.encoders.encoder import Encoder, at_length_one


class TrainedEncoder(Encoder):
    """An encoder that is trained by gradient, on embeddings that were normalised once and for all.

    `to_bits` is its last layer with weights to be learned, but for a normalisation of its outputs.
    """

    to_bits: nn.Linear

    @property
    def bits(self) -> int:
        return self.to_bits.out_features

    @torch.no_grad()  # embeddings are given; this way the steps can be done in place, in half the time
    def normalise(self, features: Tensor, out: Tensor | None = None) -> Tensor:
        """Centre on the training mean, scale to length sqrt(d)/5: (n, d) → (n, d). A zero vector stays zero.

        Written to `out` (n, d) if there is one.
        """
        return at_length_one(features, self.mean, out).mul_(features.shape[1] ** 0.5 / 5)

    @abstractmethod
    def outputs(self, normalised: Tensor) -> Tensor:
        """What `forward` gives, of embeddings as `normalise` makes them: (n, d) → (n, b)."""

    @property
    @abstractmethod
    def room(self) -> int:
        """Directions of the embedding that pass through the encoder unchanged once `become_linear` made it so."""

    @abstractmethod
    def become_linear(self, directions: Tensor, mixing: Tensor) -> None:
        """Take weights with which the outputs are `mixing` (b, c) times the coordinates along `directions` (c, d).

        c is at most `room`. Batch normalisation, where there is any, has its initial statistics.
        """

    @torch.no_grad()
    def rescale(self, size: float) -> None:
        """Divide what `to_bits` gives by `size`."""
        self.to_bits.weight.div_(size)
        self.to_bits.bias.div_(size)

    def forward(self, features: Tensor) -> Tensor:
        return self.outputs(self.normalise(features))

    def forward_within(self, features: Tensor, scratch: Tensor) -> Tensor:
        return self.outputs(self.normalise(features, scratch))


class OneLayerEncoder(TrainedEncoder):
    """F W of the normalised embedding F."""

    def __init__(self, mean: Tensor, bits: int) -> None:
        super().__init__(mean)
        self.to_bits = nn.Linear(mean.shape[0], bits)

    @property
    def room(self) -> int:
        return self.width

    def outputs(self, normalised: Tensor) -> Tensor:
        outputs: Tensor = self.to_bits(normalised)
        return outputs

    @torch.no_grad()
    def become_linear(self, directions: Tensor, mixing: Tensor) -> None:
        self.to_bits.weight.copy_(mixing @ directions)
        self.to_bits.bias.zero_()


class RawEncoder(OneLayerEncoder):
    """x W of the embedding x as it is, neither centred nor scaled."""

    def normalise(self, features: Tensor, out: Tensor | None = None) -> Tensor:
        """`features` themselves."""
        return features

    @torch.no_grad()
    def become_linear(self, directions: Tensor, mixing: Tensor) -> None:
        """The coordinates are those of the centred embedding: the bias takes the mean away."""
        super().become_linear(directions, mixing)
        self.to_bits.bias.copy_(-self.to_bits.weight @ self.mean)


class TwoLayerEncoder(TrainedEncoder):
    """f(F W1) W2 of the normalised embedding F: with GELU as f the encoder of HAGCN's autoencoder and its hash layer.

    Args:
        mean: (d,) of the training embeddings.
        width: w, of the layer between.
        bits: b.
        activation: f, for which f(x) - f(-x) = x: GELU or ReLU.
        norm: what comes behind W2; it takes a row to a row of the same signs as long as it was not trained.
    """

    def __init__(
        self,
        mean: Tensor,
        width: int,
        bits: int,
        activation: Callable[[Tensor], Tensor] = functional.gelu,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__(mean)
        self.to_continuous = nn.Linear(mean.shape[0], width)
        self.to_bits = nn.Linear(width, bits)
        self.activation = activation
        self.norm = nn.Identity() if norm is None else norm

    @property
    def room(self) -> int:
        return self.to_continuous.out_features // 2

    def continuous(self, normalised: Tensor) -> Tensor:
        """The continuous code Z1 = f(F W1): (n, d) → (n, w)."""
        return self.activation(self.to_continuous(normalised))

    def outputs(self, normalised: Tensor) -> Tensor:
        outputs: Tensor = self.norm(self.to_bits(self.continuous(normalised)))
        return outputs

    @torch.no_grad()
    def become_linear(self, directions: Tensor, mixing: Tensor) -> None:
        half = len(directions)
        self.to_continuous.weight[:half] = directions
        self.to_continuous.weight[half : 2 * half] = -directions
        self.to_continuous.bias[: 2 * half] = 0
        self.to_bits.weight.zero_()
        self.to_bits.weight[:, :half], self.to_bits.weight[:, half : 2 * half] = mixing, -mixing
        self.to_bits.bias.zero_()


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a mini-batch of one item, which has no variance, by its running statistics."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training and len(input) == 1:
            return functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)
