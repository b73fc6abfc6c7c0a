"""The heat kernel exp(-τλ) that every learnable response starts from, and how coefficients move away from it."""

import torch
from torch import Tensor, nn

#: Diffusion time τ at the start, the same for all filters so that a comparison does not hang on it. On held-out digits
#: 5 did better than 2 and about as well as 3 or better, for every filter, at 16 and at 64 bits.
HEAT_TIME = 5.0
#: Size of a step of θ relative to one of the parameter behind it.
PACE = 0.1


def heat_kernel(eigenvalues: Tensor) -> Tensor:
    """exp(-τλ), element-wise."""
    return torch.exp(-HEAT_TIME * eigenvalues)


class Coefficients(nn.Module):
    """Learnable coefficients θ = `initial` + PACE · offset, (K,).

    Adam takes steps of the size of the learning rate whatever the size of the gradient, hence whatever the weight of
    the reconstruction loss, the only one that θ sees. Reconstruction is easiest without any smoothing, and at the pace
    of the weight matrices θ loses its low-pass shape within a few epochs. Scaling the parameter slows it down under any
    optimiser of that kind (as Karras et al., ICLR 2018, do to balance layers).
    """

    initial: Tensor

    def __init__(self, initial: Tensor) -> None:
        super().__init__()
        self.register_buffer("initial", initial.float())
        self.offset = nn.Parameter(torch.zeros(len(initial)))

    def __len__(self) -> int:
        return len(self.offset)

    def forward(self) -> Tensor:
        """θ (K,)."""
        return self.initial + PACE * self.offset
