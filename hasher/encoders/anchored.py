"""Encoders that look where an embedding lies among some of the others: anchors, or items with kernels around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from hasher.encoders.encoder import Encoder, at_length_one, centred

#: What becomes of the lengths of centred embeddings.
Lengths = Literal["kept", "one"]


#: By the name that a configuration has for it.
LENGTHS: dict[Lengths, Callable[[Tensor, Tensor], Tensor]] = {"kept": centred, "one": at_length_one}


def squared_distances(points: Tensor, others: Tensor) -> Tensor:
    """Between each of (n, d) and each of (m, d): (n, m)."""
    squares = points.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1)
    return torch.addmm(squares, points, others.T, alpha=-2).clamp_(min=0)


class AnchorEncoder(Encoder):
    """Mean of what the nearest anchors have as `values`, the nearer the more: AGH, IMH.

    With distances d to the s nearest of m anchors, each counts as exp(-d²/h²), of a sum of 1. Nothing is known of an
    anchor at first but where it is.

    Attributes:
        anchors: (m, d), centred as the embeddings are.
        present: (m,), False for an anchor that is there to fill up.
        reach: the width h.
        values: (m, b).
    """

    anchors: Tensor
    present: Tensor
    reach: Tensor
    values: Tensor

    def __init__(self, mean: Tensor, anchors: int, bits: int, nearest: int, lengths: Lengths) -> None:
        super().__init__(mean)
        self.nearest, self.lengths = min(nearest, anchors), lengths
        self.register_buffer("anchors", torch.zeros(anchors, self.width))
        self.register_buffer("present", torch.zeros(anchors, dtype=torch.bool))
        self.register_buffer("reach", torch.ones(()))
        self.register_buffer("values", torch.zeros(anchors, bits))

    @property
    def bits(self) -> int:
        return self.values.shape[1]

    def place(self, anchors: Tensor) -> None:
        """Let `anchors` (at most m, d) be the ones that are present."""
        self.anchors[: len(anchors)] = anchors
        self.present.copy_(torch.arange(len(self.present)) < len(anchors))

    def nearest_anchors(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances (n, s) of centred embeddings (n, d) to their nearest anchors, and which these are (n, s).

        The distance is infinite where there are not so many.
        """
        squared = squared_distances(points, self.anchors).masked_fill_(~self.present, torch.inf)
        found = squared.topk(self.nearest, dim=1, largest=False)
        return found.values, found.indices

    def weights(self, squared: Tensor) -> Tensor:
        """How much anchors at these squared distances (n, s), in rising order, count: (n, s), with rows of sum 1."""
        return torch.softmax((squared[:, :1] - squared) / self.reach.square(), dim=1)

    def forward(self, features: Tensor) -> Tensor:
        squared, places = self.nearest_anchors(LENGTHS[self.lengths](features, self.mean))
        weights = self.weights(squared)
        return functional.embedding_bag(places, self.values, per_sample_weights=weights, mode="sum")


class KernelEncoder(Encoder):
    """Weighted sum of centred Gaussian kernels exp(-d²/2h²) around items at length 1: SGH.

    Attributes:
        bases: (m, d), the centres of the kernels, centred and of length 1.
        reach: the width h.
        kernel_mean: (m,) of the training items.
        weights: (m, b), zeros where a basis is there to fill up.
    """

    bases: Tensor
    reach: Tensor
    kernel_mean: Tensor
    weights: Tensor

    def __init__(self, mean: Tensor, bases: int, bits: int) -> None:
        super().__init__(mean)
        self.register_buffer("bases", torch.zeros(bases, self.width))
        self.register_buffer("reach", torch.ones(()))
        self.register_buffer("kernel_mean", torch.zeros(bases))
        self.register_buffer("weights", torch.zeros(bases, bits))

    @property
    def bits(self) -> int:
        return self.weights.shape[1]

    def kernels(self, points: Tensor) -> Tensor:
        """Of embeddings at length 1 (n, d): (n, m)."""
        return torch.exp(squared_distances(points, self.bases) / (-2 * self.reach.square()))

    def forward(self, features: Tensor) -> Tensor:
        return (self.kernels(at_length_one(features, self.mean)) - self.kernel_mean) @ self.weights
