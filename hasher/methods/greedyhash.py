"""`greedyhash`: codes whose cosines are those of the embeddings, through a sign that passes its gradient on.

Su, Zhang, Han & Tian, "Greedy Hash: Towards Fast Optimization for Accurate Hash Coding in CNN", NeurIPS 2018, in its
unsupervised form, on given embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from hasher.contract import BatchSize, Epochs
from hasher.encoders import OneLayerEncoder
from hasher.methods.neural import NeuralMethod
from hasher.methods.pairs import PairsConfig, cosine_error
from hasher.training.loop import MiniBatch, TrainedModel
from hasher.training.signs import sign_straight_through


class GreedyHashConfig(PairsConfig):
    """The settings of the authors, but for Adam in the place of SGD with momentum 0.9 and weight decay 0.0005.

    They train 60 epochs, at 16 bits 300.
    """

    lambda_quant: float = Field(0.1, ge=0, description="weight of the quantisation loss")
    batch_size: BatchSize = 32
    epochs: Epochs = 60


class GreedyHashModel(TrainedModel):
    """A linear encoder and its objective:

    mean((cos(b_i, b_j) - cos(x_i, x_j))²) + λ_quant mean(||h| - 1|³), with outputs h and codes b = sign(h).
    """

    encoder: OneLayerEncoder
    loss_names = ("loss", "loss_sim", "loss_quant")

    def __init__(self, config: GreedyHashConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        self.encoder = OneLayerEncoder(mean, config.bits)

    @property
    def is_stackable(self) -> bool:
        return True

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        outputs = self.encoder.outputs(batch.normalised)
        similarity = cosine_error(sign_straight_through(outputs), batch.normalised, self.config.pairs)
        quantisation = cubic_quantisation(outputs)
        total = similarity + self.config.lambda_quant * quantisation
        return {"loss": total, "loss_sim": similarity, "loss_quant": quantisation}


def cubic_quantisation(outputs: Tensor) -> Tensor:
    """mean(||h| - 1|³) of outputs h (n, b)."""
    return (outputs.abs() - 1).abs().pow(3).mean()


class GreedyHash(NeuralMethod):
    """See `GreedyHashModel`."""

    name, label = "greedyhash", "GreedyHash"
    Config = GreedyHashConfig

    def build(self, config: GreedyHashConfig, mean: Tensor) -> GreedyHashModel:
        return GreedyHashModel(config, mean)
