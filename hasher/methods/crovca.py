"""`crovca`: cross-view code alignment, each view predicts the other's bits (Moummad, Zaher, Goëau & Joly 2025)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hasher.contract import BatchSize, Epochs, Schedule
from hasher.encoders import BatchNorm, TwoLayerEncoder
from hasher.methods.neural import NeuralConfig, NeuralMethod
from hasher.training.views import TwoViewModel, ViewsConfig


class CroVCAConfig(NeuralConfig, ViewsConfig):
    """The defaults are the authors', but for the views."""

    hidden_width: int = Field(
        0, ge=0, description="width of the layer between embedding and code; 0: that of the embedding"
    )
    lambda_rate: float = Field(0.1, ge=0, description="weight of the coding rate")
    distortion: float = Field(0.05, gt=0, description="that the coding rate allows (ε²): the smaller, the finer")
    batch_size: BatchSize = 256
    weight_decay: float = Field(0.01, ge=0, description="of AdamW")
    schedule: Schedule = "cosine"
    epochs: Epochs = 5


def alignment_loss(first: Tensor, second: Tensor) -> Tensor:
    """Binary cross-entropy of each view's logits with the other's bits as given, both ways, a mean over items and bits.

    `first` and `second` are logits (n, b); a bit is 1 where its logit is positive.
    """
    ways = ((first, second), (second, first))
    losses = [
        functional.binary_cross_entropy_with_logits(logits, (target > 0).to(logits.dtype)) for logits, target in ways
    ]
    return torch.stack(losses).mean()


def coding_rate(outputs: Tensor, distortion: float) -> Tensor:
    """(b + n) / (b n) · ½ log det(I + b / (n ε²) YᵀY), Y being the `outputs` (n, b) with rows of length 1.

    The bits it takes to tell the rows up to a distortion ε² (Yu et al., NeurIPS 2020): largest where their directions
    fill the space evenly, so that no two bits say the same. The factor is CroVCA's, so that a weight means the same at
    every length of code and size of mini-batch.
    """
    items, bits = outputs.shape
    rows = functional.normalize(outputs, dim=1)
    gram = torch.eye(bits, device=rows.device, dtype=rows.dtype) + bits / (items * distortion) * rows.T @ rows
    half_log_det = torch.linalg.cholesky_ex(gram).L.diagonal().log().sum()
    return (bits + items) / (bits * items) * half_log_det


class CroVCAModel(TwoViewModel):
    """The authors' small HashCoder: two layers with batch normalisation behind."""

    config: CroVCAConfig
    loss_names = ("loss", "loss_align", "coding_rate")

    def __init__(self, config: CroVCAConfig, mean: Tensor) -> None:
        width = config.hidden_width or len(mean)
        norm = BatchNorm(config.bits)
        super().__init__(config, TwoLayerEncoder(mean, width, config.bits, functional.relu, norm))

    def optimiser(self, config: CroVCAConfig) -> torch.optim.Optimizer:
        """AdamW, over all that the model has to learn."""
        return torch.optim.AdamW(
            self.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def compare(self, first: Tensor, second: Tensor) -> Mapping[str, Tensor]:
        """Alignment of the two views less λ times the mean of their coding rates."""
        alignment = alignment_loss(first, second)
        rate = torch.stack([coding_rate(view, self.config.distortion) for view in (first, second)]).mean()
        return {"loss": alignment - self.config.lambda_rate * rate, "loss_align": alignment, "coding_rate": rate}


class CroVCA(NeuralMethod):
    """Codes that one view predicts from the other, spread out by their coding rate."""

    name, label = "crovca", "CroVCA"
    Config = CroVCAConfig

    def build(self, config: CroVCAConfig, mean: Tensor) -> CroVCAModel:
        return CroVCAModel(config, mean)
