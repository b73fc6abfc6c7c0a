"""HAGCN: a hashing autoencoder whose similarity target comes from a graph filter over each mini-batch.

After "Enhancing deephashing with graph filters and autoencoder-based embeddings" (PeerJ Computer Science), with
the hash branch tied to the filter's response, which the authors' released code leaves apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from hasher.database_graph import DatabaseTensors, ItemResponses
from hasher.encoders import TwoLayerEncoder
from hasher.filters import build_filter
from hasher.graph import Graph, knn_graph, normalised_adjacency
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.losses import TERMS, Forward, hashing_loss
from hasher.training.items import TrainingItems
from hasher.training.loop import MiniBatch, TrainedModel
from hasher.training.views import with_noise


class HAGCN(TrainedModel):
    """Autoencoder, hash layer and graph filter of one configuration.

    `mean` (d,) is the mean of the training embeddings. Build it under a seeded random state: the weights are drawn
    from torch's global CPU generator (see `hasher.training.loop.GradientTraining`).
    """

    encoder: TwoLayerEncoder
    loss_names = TERMS

    def __init__(self, config: HAGCNConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        width = config.ae_width
        self.encoder = TwoLayerEncoder(mean, width, config.bits)
        self.filter = build_filter(config.filter, config.filter_order)
        self.to_graph = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, mean.shape[0]))

    @property
    def is_stackable(self) -> bool:
        return self.config.input_noise == 0 and (self.config.graph == "batch" or self.config.filter == "none")

    def survey(self, items: TrainingItems, device: torch.device) -> DatabaseTensors | None:
        """The graph of all training items as the filter needs it, where it is to look at that."""
        if self.config.graph == "batch" or self.config.filter == "none":
            return None
        graph = items.graph(self.config.knn_size, self.config.edge_power)
        return self.filter.database_arrays(graph).on(device)

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        responses = None if batch.survey is None else self.filter.respond(batch.survey, batch.items)
        seen = with_noise(batch.normalised, self.config.input_noise, batch.random)
        return hashing_loss(self(batch.normalised, responses, seen), self.config)

    def forward(
        self, normalised: Tensor, responses: ItemResponses | None = None, seen: Tensor | None = None
    ) -> Forward:
        """One mini-batch of embeddings F (n, d), as `TrainedEncoder.normalise` makes them.

        The filter looks at the graph of the mini-batch, unless the items' `responses` on a larger one are given. The
        encoder is given `seen` (n, d) in the place of F: F with noise, of which it makes F again, as a denoising
        autoencoder does (Vincent et al., ICML 2008).
        """
        continuous = self.encoder.continuous(normalised if seen is None else seen)
        relaxed = torch.tanh(self.config.alpha * self.encoder.to_bits(continuous))
        filtered, similarity = self._filtered(normalised, continuous, relaxed, responses)
        reconstruction = None if filtered is None else self.decoder(self.norm(filtered))
        return Forward(normalised, relaxed, similarity, reconstruction)

    def _filtered(
        self, normalised: Tensor, continuous: Tensor, relaxed: Tensor, responses: ItemResponses | None
    ) -> tuple[Tensor | None, Tensor]:
        """H Z1 W3 (n, w), None where the reconstruction has no weight, and S (n, n)."""
        reconstructs = self.config.lambda_rec > 0  # else nothing would learn from it, nor the filter's coefficients
        if self.config.filter == "none":
            return self.to_graph(continuous) if reconstructs else None, self._cosine(normalised)
        if responses is not None:
            filtered = responses.within() @ self.to_graph(continuous) if reconstructs else None
            return filtered, self._sharpened(responses.cosine().clamp_(min=0))
        graph = self._graph(normalised, relaxed)
        if not reconstructs:
            return None, self._sharpened(alike(self.filter.matrix(graph)))
        filtered, matrix = self.filter.apply_and_matrix(graph, self.to_graph(continuous))
        return filtered, self._sharpened(alike(matrix))

    def _sharpened(self, similarity: Tensor) -> Tensor:
        """S, in place, to the power that takes weight from the many that are a little alike by chance."""
        power = self.config.response_power
        return similarity if power == 1 else similarity.pow_(power)

    @torch.no_grad()
    def _graph(self, normalised: Tensor, relaxed: Tensor) -> Graph:
        weights = knn_graph(normalised, self.config.knn_size, self.config.edge_power)
        if self.config.edges == "features_and_codes":
            weights = weights * (1 + relaxed @ relaxed.T / self.config.bits) / 2
        return Graph(normalised_adjacency(weights))

    @torch.no_grad()
    def _cosine(self, normalised: Tensor) -> Tensor:
        """S without a filter: the cosine of the embeddings, to the power that sharpens the edges of a graph."""
        return alike(normalised).pow_(self.config.edge_power)


@torch.no_grad()
def alike(rows: Tensor) -> Tensor:
    """max(0, cosine) of every two rows (n, m): (n, n), without gradient."""
    unit = functional.normalize(rows, dim=1)
    return (unit @ unit.T).clamp(min=0)
