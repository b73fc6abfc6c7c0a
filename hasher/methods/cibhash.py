"""`cibhash`: two views of an item get one code, other items others (Qiu, Su, Ou, Yu & Chen, IJCAI 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hasher.contract import Epochs
from hasher.encoders import TwoLayerEncoder
from hasher.methods.neural import NeuralConfig, NeuralMethod
from hasher.training.signs import signs, straight_through
from hasher.training.views import TwoViewModel, ViewsConfig


class CIBHashConfig(NeuralConfig, ViewsConfig):
    """The defaults are the authors', but for the views."""

    hidden_width: int = Field(1024, ge=1, description="width of the layer between embedding and code")
    temperature: float = Field(0.3, gt=0, description="of the contrastive loss (τ)")
    lambda_kl: float = Field(0.001, ge=0, description="weight of the information bottleneck (β)")
    epochs: Epochs = 60


def code(logits: Tensor) -> Tensor:
    """Signs in the forward pass, probabilities σ(`logits`) of the bits in the backward pass."""
    return straight_through(signs(logits), logits.sigmoid())


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """-mean_i log(exp(c_ij / τ) / Σ_{l≠i} exp(c_il / τ)) over all 2n views, j being the other view of i's item.

    c are cosines: the normalised temperature-scaled cross-entropy of SimCLR (Chen et al., ICML 2020).

    Args:
        first: (n, b), of one view of each item.
        second: (n, b), of the other.
        temperature: τ.
    """
    views = functional.normalize(torch.cat([first, second]), dim=1)
    own = torch.eye(len(views), dtype=torch.bool, device=views.device)
    logits = (views @ views.T / temperature).masked_fill(own, -torch.inf)
    return functional.cross_entropy(logits, torch.arange(len(views), device=views.device).roll(len(first)))


def bernoulli_divergence(logits: Tensor, other: Tensor) -> Tensor:
    """KL(p || q) of independent bits, summed over bits and averaged over items; p = σ(`logits`), q = σ(`other`).

    Both are (n, b). Of one bit it is p (x - y) - log(1 + e^x) + log(1 + e^y), finite for all logits x and y.
    """
    each = logits.sigmoid() * (logits - other) - functional.softplus(logits) + functional.softplus(other)
    return each.sum(dim=1).mean()


class CIBHashModel(TwoViewModel):
    """An encoder f(x) of two layers, whose outputs are the logits of the bits."""

    config: CIBHashConfig
    loss_names = ("loss", "loss_contrast", "loss_kl")

    def __init__(self, config: CIBHashConfig, mean: Tensor) -> None:
        super().__init__(config, TwoLayerEncoder(mean, config.hidden_width, config.bits, functional.relu))

    def compare(self, first: Tensor, second: Tensor) -> Mapping[str, Tensor]:
        """NT-Xent of the codes + β (KL(p || q) + KL(q || p)) / 2 of the two views' bits.

        In its divergence from the other view a view is drawn to it, while the other stands still: so the released code.
        """
        contrast = nt_xent(code(first), code(second), self.config.temperature)
        divergence = bernoulli_divergence(first, second.detach()) + bernoulli_divergence(second, first.detach())
        loss = contrast + self.config.lambda_kl * divergence / 2
        return {"loss": loss, "loss_contrast": contrast, "loss_kl": divergence / 2}


class CIBHash(NeuralMethod):
    """Contrastive hashing with an information bottleneck."""

    name, label = "cibhash", "CIBHash"
    Config = CIBHashConfig

    def build(self, config: CIBHashConfig, mean: Tensor) -> CIBHashModel:
        return CIBHashModel(config, mean)
