"""Anchor hashes: a few centres stand for all items, and an item's code follows from the nearest of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any

import faiss
import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits
from torch import Tensor

from hasher.contract import Method, MethodConfig
from hasher.encoders import LENGTHS, AnchorEncoder, Lengths
from hasher.methods.closed_form import ClosedForm, EncoderModel
from hasher.projections import CHUNK
from hasher.training.items import TrainingItems

#: Iterations of k-means.
ITERATIONS = 25

Anchors = Annotated[int, Field(ge=2, le=4096, description="centres of k-means that stand for the items (m)")]
NearestAnchors = Annotated[int, Field(ge=1, description="anchors an item is described by (s)")]


class AnchorConfig(MethodConfig):
    """What methods with anchors have in common; `anchors` and `nearest_anchors` have a default for each."""

    anchors: Anchors
    nearest_anchors: NearestAnchors
    bandwidth: float = Field(
        1.0, gt=0, description="width h of an anchor's weight exp(-d²/h²), in mean distances to the s-th nearest anchor"
    )
    lengths: Lengths = Field(
        "kept", description="lengths of the centred embeddings: `kept`, or all `one`, so that distances are angles"
    )


class AnchorMethod(Method):
    """A hash that extends real values of the anchors to all items: what differs between them is `values`."""

    family = "Anchor hashes"
    Config = AnchorConfig

    @abstractmethod
    def values(
        self, graph: scipy.sparse.csr_array, anchors: NDArray[np.float32], config: Any, seed: int
    ) -> NDArray[np.floating]:
        """Values (m, bits) of `anchors` (m, d); `graph` Z (n, m) has the items' weights of them, in rows of sum 1."""

    def size(self, config: Any) -> int:
        """Anchors (m), where there are as many items."""
        return config.anchors

    def model(self, config: AnchorConfig, width: int) -> EncoderModel:
        size = self.size(config)
        return EncoderModel(
            AnchorEncoder(torch.zeros(width), size, config.bits, config.nearest_anchors, config.lengths)
        )

    def start(self, config: AnchorConfig, features: NDArray[np.float32], seed: int, device: torch.device) -> ClosedForm:
        items = TrainingItems(features)
        model = self.model(config, features.shape[1])
        encoder: Any = model.encoder
        encoder.mean.copy_(torch.from_numpy(items.mean))
        points = LENGTHS[config.lengths](torch.from_numpy(np.require(features, np.float32, "W")), encoder.mean)

        def compute() -> list[NDArray[Any]]:
            return [k_means(points.numpy(), self.size(config), seed)]

        (anchors,) = items.cache.get(f"anchors-{self.size(config)}-{config.lengths}-{seed}", 1, compute)
        encoder.place(torch.from_numpy(anchors))
        squared, places = nearest_of_all(encoder, points)
        used, places = np.unique(places, return_inverse=True)  # a centre that no item is near has nothing to say
        encoder.place(torch.from_numpy(anchors[used]))
        # 0 where all items of a kind are one point, and any width is as good
        encoder.reach.fill_(config.bandwidth * float(squared[:, -1].sqrt().mean()) or 1.0)
        weights = encoder.weights(squared.double()).numpy()
        starts = np.arange(0, weights.size + 1, weights.shape[1])
        graph = scipy.sparse.csr_array((weights.ravel(), places.ravel(), starts), shape=(len(points), len(used)))
        encoder.values[: len(used)] = torch.from_numpy(self.values(graph, anchors[used], config, seed))
        return ClosedForm(model.to(device))


def k_means(points: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Centres of `points` (n, d) by faiss: (m, d), m = min(count, n). Of more than 256 m points, as many are drawn."""
    count = min(count, len(points))
    clustering = faiss.Kmeans(
        points.shape[1], count, niter=ITERATIONS, seed=seed % 2**31, min_points_per_centroid=1,
        max_points_per_centroid=256,
    )  # fmt: skip
    with threadpool_limits(1):  # the same result on any machine
        clustering.train(points)
    assert clustering.centroids is not None
    return clustering.centroids


def nearest_of_all(encoder: AnchorEncoder, points: Tensor) -> tuple[Tensor, NDArray[np.int64]]:
    """As `AnchorEncoder.nearest_anchors`, for any number of items; as many anchors at most as are present."""
    found = [encoder.nearest_anchors(chunk) for chunk in points.split(CHUNK)]
    count = min(encoder.nearest, int(encoder.present.sum()))
    squared, places = (torch.cat(parts)[:, :count].contiguous() for parts in zip(*found, strict=True))
    return squared, places.numpy()
