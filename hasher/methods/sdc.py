"""`sdc`: cosines of codes keep the order of the embeddings' cosines, and are spread as a Beta distribution.

Ng et al., "Unsupervised Hashing with Similarity Distribution Calibration", BMVC 2023, on given embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import betaincinv
from torch import Tensor
from torch.nn import functional

from hasher.contract import Epochs
from hasher.encoders import BatchNorm, TwoLayerEncoder
from hasher.methods.neural import NeuralMethod
from hasher.methods.pairs import PairsConfig, pair_cosines
from hasher.training.loop import MiniBatch, TrainedModel


class SDCConfig(PairsConfig):
    """The settings of the authors, but for their weight decay of 0.00001 and a step size that ends at a tenth."""

    hidden_width: int = Field(
        0, ge=0, description="width of the layer between embedding and code; 0: that of the embedding"
    )
    beta_shape: float = Field(5.0, gt=0, description="both shapes of the Beta distribution: the larger, the narrower")
    lambda_quant: float = Field(1.0, ge=0, description="weight of the quantisation loss")
    epochs: Epochs = 100


class SDCModel(TrainedModel):
    """An encoder of two layers with batch normalisation behind them, and its objective:

    mean over pairs |cos(v_i, v_j) - q_r(i,j)| + λ_quant mean(1 - cos(v, sign(v))), with outputs v. r(i, j) is the rank
    of the pair's embeddings by cosine, and q are the quantiles of `beta_quantiles`.
    """

    encoder: TwoLayerEncoder
    loss_names = ("loss", "loss_sim", "loss_quant")

    def __init__(self, config: SDCConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        self.encoder = TwoLayerEncoder(mean, config.hidden_width or len(mean), config.bits, norm=BatchNorm(config.bits))
        self._quantiles: dict[int, Tensor] = {}  # by their number: mini-batches have two sizes at most

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        outputs = self.encoder.outputs(batch.normalised)
        wanted = pair_cosines(batch.normalised, self.config.pairs)
        similarity = calibration_loss(pair_cosines(outputs, self.config.pairs), wanted, self._quantiles_for(wanted))
        quantisation = angular_quantisation(outputs)
        total = similarity + self.config.lambda_quant * quantisation
        return {"loss": total, "loss_sim": similarity, "loss_quant": quantisation}

    def _quantiles_for(self, cosines: Tensor) -> Tensor:
        count = len(cosines)
        if count not in self._quantiles:
            self._quantiles[count] = torch.from_numpy(beta_quantiles(count, self.config.beta_shape)).to(cosines)
        return self._quantiles[count]


def beta_quantiles(count: int, shape: float) -> NDArray[np.float64]:
    """Quantiles (i + ½) / p of 2 Beta(shape, shape) - 1, for i = 0 … p - 1 of p = `count`: (p,), ascending."""
    return 2 * betaincinv(shape, shape, (np.arange(count) + 0.5) / count) - 1


def calibration_loss(codes: Tensor, embeddings: Tensor, quantiles: Tensor) -> Tensor:
    """Mean absolute error of the `codes`' cosines, in the order of the `embeddings`', against the quantiles: all (p,).

    It is 0 without pairs.
    """
    return (codes[embeddings.argsort(stable=True)] - quantiles).abs().sum() / max(1, len(quantiles))


def angular_quantisation(outputs: Tensor) -> Tensor:
    """mean(1 - cos(v, sign(v))) of outputs v (n, b), which is 1 - ‖v‖₁ / (√b ‖v‖₂) of each."""
    return 1 - functional.normalize(outputs, dim=1).abs().sum(dim=1).mean() / outputs.shape[1] ** 0.5


class SDC(NeuralMethod):
    """See `SDCModel`."""

    name, label = "sdc", "SDC"
    Config = SDCConfig

    def build(self, config: SDCConfig, mean: Tensor) -> SDCModel:
        return SDCModel(config, mean)
