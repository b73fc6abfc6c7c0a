"""HAGCN: a hashing autoencoder whose similarity target comes from a graph filter over each mini-batch.

After "Enhancing deephashing with graph filters and autoencoder-based embeddings" (PeerJ Computer Science), with
the hash branch tied to the filter's response, which the authors' released code leaves apart.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hasher.database_graph import ItemResponses
from hasher.filters import build_filter
from hasher.graph import Graph, knn_graph, normalised_adjacency
from hasher.hagcn.config import HasherConfig


class Encoder(nn.Module):
    """The part that outlives training: maps one embedding to one hash code, with no graph and no batch.

    Parameters: `features` is d, `width` is w and `bits` is b; `mean` (d,) is the mean of the training embeddings.
    """

    mean: Tensor

    def __init__(self, mean: Tensor, width: int, bits: int) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.to_continuous = nn.Linear(mean.shape[0], width)
        self.to_bits = nn.Linear(width, bits)

    @torch.no_grad()  # embeddings are given; this way the steps can be done in place, in half the time
    def normalise(self, features: Tensor) -> Tensor:
        """Centre on the training mean, scale to length sqrt(d)/5: (n, d) → (n, d). A zero vector stays zero."""
        centred = features - self.mean
        length = torch.linalg.vector_norm(centred, dim=1, keepdim=True).clamp_(min=1e-12)
        return centred.div_(length).mul_(features.shape[1] ** 0.5 / 5)

    def continuous(self, normalised: Tensor) -> Tensor:
        """The continuous code Z1 = GELU(F W1): (n, d) → (n, w)."""
        return functional.gelu(self.to_continuous(normalised))

    def forward(self, features: Tensor) -> Tensor:
        """Raw embeddings (n, d) → the real values whose signs are the hash code (n, b)."""
        return self.to_bits(self.continuous(self.normalise(features)))


@dataclass(frozen=True)
class Forward:
    """What one mini-batch gives the loss: n items, d features, b bits."""

    normalised: Tensor  #: F (n, d)
    relaxed_codes: Tensor  #: B (n, b), in (-1, 1)
    similarity: Tensor  #: S (n, n), in [0, 1], without gradient
    reconstruction: Tensor | None  #: F̂ (n, d); None where the reconstruction loss has no weight


class HAGCN(nn.Module):
    """Autoencoder, hash layer and graph filter of one configuration.

    `mean` (d,) is the mean of the training embeddings. Build it under a seeded random state: the weights are drawn
    from torch's global CPU generator (see `hasher.training.loop.Trainer`).
    """

    def __init__(self, config: HasherConfig, mean: Tensor) -> None:
        super().__init__()
        self.config = config
        width = config.ae_width
        self.encoder = Encoder(mean, width, config.bits)
        self.filter = build_filter(config.filter, config.filter_order)
        self.to_graph = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, mean.shape[0]))

    def forward(self, normalised: Tensor, responses: ItemResponses | None = None) -> Forward:
        """One mini-batch of embeddings F (n, d), as `Encoder.normalise` makes them.

        The filter looks at the graph of the mini-batch, unless the items' `responses` on a larger one are given.
        """
        continuous = self.encoder.continuous(normalised)
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
            return filtered, responses.cosine().clamp_(min=0)
        graph = self._graph(normalised, relaxed)
        if not reconstructs:
            return None, alike(self.filter.matrix(graph))
        filtered, matrix = self.filter.apply_and_matrix(graph, self.to_graph(continuous))
        return filtered, alike(matrix)

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
    return (unit @ unit.T).clamp_(min=0)
