"""Where training starts: an encoder whose codes are those of ITQ before the first step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hasher.encoders import TwoLayerEncoder
from hasher.training.items import TrainingItems

#: Items from which the size of the outputs is told.
SAMPLE = 4096


@torch.no_grad()
def start_at_itq(encoder: TwoLayerEncoder, items: TrainingItems, seed: int) -> None:
    """Give `encoder` weights with which its codes are ITQ's, fitted to `items` with `seed`.

    GELU(x) - GELU(-x) = x exactly, so W1 = [P, -P], with principal directions P (d, w/2), and W2 = [R; -R], with ITQ's
    rotation R, compose to the linear map P R. Its outputs are scaled to a mean square of 1 over the items, so that
    `alpha` means the same at every width and length; a scale changes no code.

    There are as many directions as fit: c = min(b, d, n, w // 2) of them are rotated, and further ones, up to w // 2,
    have weights in W1 for training to use. Where b > c the other bits start as random directions of the first c
    components (LSH), and what is left of W1 keeps the random weights it has.
    """
    bits, width = encoder.to_bits.weight.shape
    components = items.components
    rank = int(np.count_nonzero(components.directions.any(axis=0)))
    half = min(width // 2, rank)
    rotated = min(bits, half, len(items.features))
    if rotated == 0:  # a width of 1, or items that are all alike
        return
    directions = torch.from_numpy(np.ascontiguousarray(components.directions[:, :half].T))
    to_continuous, to_bits = encoder.to_continuous, encoder.to_bits
    to_continuous.weight[:half], to_continuous.weight[half : 2 * half] = directions, -directions
    to_continuous.bias[: 2 * half] = 0
    mixing = torch.zeros(bits, half)
    mixing[:rotated, :rotated] = torch.from_numpy(items.itq_rotation(rotated, seed).T)
    mixing[rotated:, :rotated] = _random_directions(bits - rotated, rotated)
    to_bits.weight.zero_()
    to_bits.weight[:, :half], to_bits.weight[:, half : 2 * half] = mixing, -mixing
    to_bits.bias.zero_()
    sample = np.ascontiguousarray(items.features[:: -(-len(items.features) // SAMPLE)])
    size = encoder(torch.from_numpy(sample)).square().mean().sqrt()
    if size > 0:
        to_bits.weight.div_(size)


def _random_directions(count: int, width: int) -> Tensor:
    """Unit vectors (count, width) from torch's global generator."""
    return torch.nn.functional.normalize(torch.randn(count, width), dim=1)
