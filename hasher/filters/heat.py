"""The heat kernel exp(-τλ) that every learnable response starts from, and how coefficients move away from it."""

import torch
from torch import Tensor, nn

#: Diffusion time τ at the start, the same for all filters so that a comparison does not hang on it. Chosen on
#: validation queries of digits (split seed 0), where it matters little between 2 and 5: mAP, mean over four filters, 16
#: and 64 bits, two seeds, for 1, 2, 3, 5 and 8 was 0.743, 0.786, 0.793, 0.789 and 0.777.
HEAT_TIME = 3.0
#: Size of a step of θ relative to one of the parameter behind it. On the same queries, 1 instead of 0.1 cost
#: `chebyshev` and `spline` 0.05 to 0.12 and changed `lanczos` and `fourier` by less than 0.03.
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
