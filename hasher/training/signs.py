"""Signs in the forward pass and a gradient all the same (straight-through estimators, Bengio et al. 2013)."""

from __future__ import annotations

import torch
from torch import Tensor


def straight_through(values: Tensor, stand_in: Tensor) -> Tensor:
    """`values`, with the gradient of `stand_in`; both of one shape."""
    return values.detach() + (stand_in - stand_in.detach())  # in this order exactly `values`


def signs(outputs: Tensor) -> Tensor:
    """1 where an output is positive and -1 elsewhere, as codes are read; float, without gradient."""
    return torch.where(outputs > 0, 1.0, -1.0).to(outputs.dtype)


def sign_straight_through(outputs: Tensor) -> Tensor:
    """`signs` whose gradient passes through to the outputs unchanged."""
    return straight_through(signs(outputs), outputs)
