"""Where training starts: an encoder whose codes are those of ITQ before the first step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hasher.encoders import TrainedEncoder
from hasher.training.items import TrainingItems

#: Items from which the size of the outputs is told.
SAMPLE = 4096


@torch.no_grad()
def start_at_itq(encoder: TrainedEncoder, items: TrainingItems, seed: int) -> None:
    """Give `encoder` weights with which its codes are ITQ's, fitted to `items` with `seed`.

    Of one layer that is W = P R, with principal directions P (d, ·) and ITQ's rotation R. Of two, f(x) - f(-x) = x
    exactly for GELU and ReLU, so W1 = [P, -P] and W2 = [R; -R] compose to the same linear map. Its outputs are scaled
    to a mean square of 1 over the items, so that a sharpness means the same at every width and length; a scale changes
    no code.

    There are as many directions as fit: c = min(b, d, n, w // 2) of them are rotated, and further ones, up to w // 2,
    have weights in W1 for training to use. Where b > c the other bits start as random directions of the first c
    components (LSH), and what is left of W1 keeps the random weights it has.
    """
    bits = encoder.bits
    components = items.components
    rank = int(np.count_nonzero(components.directions.any(axis=0)))
    room = min(encoder.room, rank)
    rotated = min(bits, room, len(items.features))
    if rotated == 0:  # a width of 1, or items that are all alike
        return
    mixing = torch.zeros(bits, room)
    mixing[:rotated, :rotated] = torch.from_numpy(items.itq_rotation(rotated, seed).T)
    mixing[rotated:, :rotated] = _random_directions(bits - rotated, rotated)
    encoder.become_linear(torch.from_numpy(np.ascontiguousarray(components.directions[:, :room].T)), mixing)
    sample = np.ascontiguousarray(items.features[:: -(-len(items.features) // SAMPLE)])
    size = encoder(torch.from_numpy(sample)).square().mean().sqrt().item()
    if size > 0:
        encoder.rescale(size)


def _random_directions(count: int, width: int) -> Tensor:
    """Unit vectors (count, width) from torch's global generator."""
    return torch.nn.functional.normalize(torch.randn(count, width), dim=1)
