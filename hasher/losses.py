"""The four terms of HAGCN's loss. Each is a mean: a weight means the same at every code length and batch size."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hasher.config import HasherConfig
from hasher.model import Forward

#: F has a variance of about 1/25, but none in a mini-batch of nothing but the mean, or of single numbers of one sign;
#: such a mini-batch must not outweigh all others.
SMALLEST_VARIANCE = 1e-2


@dataclass(frozen=True)
class Losses:
    """Unweighted terms and their weighted sum, each a scalar tensor."""

    total: Tensor
    reconstruction: Tensor
    similarity: Tensor
    quantisation: Tensor
    balance: Tensor

    def as_tensor(self) -> Tensor:
        """(5,) in the order of the fields, detached: one transfer from the device instead of five."""
        terms = (self.total, self.reconstruction, self.similarity, self.quantisation, self.balance)
        return torch.stack([term.detach() for term in terms])


def hashing_loss(batch: Forward, config: HasherConfig) -> Losses:
    """λ_rec MSE(F̂, F)/var(F) + λ_sim mean((B Bᵀ/b - S)²) + λ_quant mean((|B| - 1)²) + λ_bal mean(mean_rows(B)²)."""
    codes = batch.relaxed_codes
    agreement = codes @ codes.T / codes.shape[1]
    similarity = functional.mse_loss(agreement, batch.target)
    quantisation = (codes.abs() - 1).square().mean()
    balance = codes.mean(dim=0).square().mean()
    total = config.lambda_sim * similarity + config.lambda_quant * quantisation + config.lambda_bal * balance
    reconstruction = torch.zeros_like(total)
    if batch.reconstruction is not None:
        spread = batch.normalised.var(correction=0).clamp_min(SMALLEST_VARIANCE)
        reconstruction = functional.mse_loss(batch.reconstruction, batch.normalised) / spread
        total = total + config.lambda_rec * reconstruction
    return Losses(total, reconstruction, similarity, quantisation, balance)
