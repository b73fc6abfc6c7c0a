"""The four terms of HAGCN's loss. Each is a mean: a weight means the same at every code length and batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hasher.methods.hagcn.config import HAGCNConfig

#: F has a variance of about 1/25, but none in a mini-batch of nothing but the mean, or of single numbers of one sign;
#: such a mini-batch must not outweigh all others.
SMALLEST_VARIANCE = 1e-2
#: Of `hashing_loss`, as an epoch reports them.
TERMS = ("loss", "loss_rec", "loss_sim", "loss_quant", "loss_bal")


@dataclass(frozen=True)
class Forward:
    """What one mini-batch gives the loss: n items, d features, b bits."""

    normalised: Tensor  #: F (n, d)
    relaxed_codes: Tensor  #: B (n, b), in (-1, 1)
    similarity: Tensor  #: S (n, n), in [0, 1], without gradient
    reconstruction: Tensor | None  #: F̂ (n, d); None where the reconstruction loss has no weight


def hashing_loss(batch: Forward, config: HAGCNConfig) -> Mapping[str, Tensor]:
    """By the names of `TERMS`, unweighted, their weighted sum first:

    λ_rec MSE(F̂, F)/var(F) + λ_sim similarity(B, S) + λ_quant mean((|B| - 1)²) + λ_bal mean(mean_rows(B)²).
    """
    codes = batch.relaxed_codes
    agreement = codes @ codes.T / codes.shape[1]
    if config.similarity_loss == "ranking":
        similarity = ranking_loss(agreement, batch.similarity, config.temperature)
    else:
        similarity = squared_error(agreement, batch.similarity)
    quantisation = (codes.abs() - 1).square().mean()
    balance = codes.mean(dim=0).square().mean()
    total = config.lambda_sim * similarity + config.lambda_quant * quantisation + config.lambda_bal * balance
    reconstruction = torch.zeros_like(total)
    if batch.reconstruction is not None:
        spread = batch.normalised.var(correction=0).clamp_min(SMALLEST_VARIANCE)
        reconstruction = functional.mse_loss(batch.reconstruction, batch.normalised) / spread
        total = total + config.lambda_rec * reconstruction
    return dict(zip(TERMS, (total, reconstruction, similarity, quantisation, balance), strict=True))


def ranking_loss(agreement: Tensor, similarity: Tensor, temperature: float) -> Tensor:
    """-mean_i Σ_{j≠i} P_ij log Q_ij / log(n - 1): the alike are to be nearer than the others, by no stated distance.

    P_ij = S_ij / Σ_{l≠i} S_il says how an item's attention should be shared among the others of the mini-batch, and
    Q_ij = exp(g_ij / τ) / Σ_{l≠i} exp(g_il / τ) how its code shares it: stochastic neighbour embedding (Hinton &
    Roweis, NeurIPS 2002) with a graph's response in the place of Gaussian similarities; in form InfoNCE with soft
    targets. Codes that know nothing score 1 at every size of mini-batch, which is what the division is for. An item
    that nothing is like has nothing to learn, and counts as 0.

    Args:
        agreement: g (n, n), of codes, in [-1, 1].
        similarity: S (n, n), non-negative, without gradient.
        temperature: τ.
    """
    n = len(agreement)
    if n < 3:  # the only other item is the nearest in any case
        return agreement.sum() * 0
    itself = torch.eye(n, dtype=torch.bool, device=agreement.device)
    share = similarity.masked_fill(itself, 0)
    mass = share.sum(dim=1, keepdim=True)
    share = torch.where(mass > 0, share / mass, 0)
    logits = agreement / temperature
    others = logits.masked_fill(itself, -torch.inf)
    entropy = torch.logsumexp(others, dim=1) * (mass > 0).squeeze(1) - (share * logits).sum(dim=1)
    return entropy.mean() / math.log(n - 1)


def squared_error(agreement: Tensor, similarity: Tensor) -> Tensor:
    """mean((g - (2 S - 1))²) less what of it is the balance of the bits and what no code can change.

    Written out it is mean(g²) - 4 mean(g S) + 2 mean(g) and a constant; and mean(g) is the balance term,
    mean(mean_rows(B)²), to which it would give a weight of 2 whatever λ_bal. So this is mean((g - 2 S)²) - 4 mean(S²),
    and `lambda_bal` = 2 `lambda_sim` makes the whole of it.
    """
    return (agreement.square() - 4 * agreement * similarity).mean()
