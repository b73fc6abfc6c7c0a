"""Two views of an item where there are embeddings and no images: an item, and what is taken for another picture of it.

Methods that learn from two augmented views of an image get an item and one of its nearest neighbours, at random, or the
item with noise. It is an adaptation to embeddings, which none of their papers has.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field, model_validator
from torch import Tensor

from hasher.contract import MethodConfig
from hasher.encoders import TrainedEncoder
from hasher.training.items import TrainingItems
from hasher.training.loop import MiniBatch, TrainedModel


class ViewsConfig(MethodConfig):
    """What two views of an item are: to be mixed with a `hasher.contract.TrainedConfig`."""

    view_neighbours: int = Field(
        5, ge=0, description="nearest neighbours of which a view of an item is one, at random; 0: the item with noise"
    )
    view_noise: float = Field(
        0.0, ge=0, description="Gaussian noise added to the other view, as a share of an embedding's length"
    )

    @model_validator(mode="after")
    def _check_views(self) -> ViewsConfig:
        if self.view_neighbours == 0 and self.view_noise == 0:
            raise ValueError("view_noise: above 0 where view_neighbours is 0, or both views are the item itself")
        return self


class TwoViewModel(TrainedModel):
    """A model whose objective compares the outputs of two views of each item."""

    def __init__(self, config: Any, encoder: TrainedEncoder) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder

    def survey(self, items: TrainingItems, device: torch.device) -> Tensor | None:
        return nearest_items(items, self.config, device)

    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        views = batch.normalised, second_view(batch, self.config)
        return self.compare(*(self.encoder.outputs(view) for view in views))

    @abstractmethod
    def compare(self, first: Tensor, second: Tensor) -> Mapping[str, Tensor]:
        """Terms of the objective by name, of the encoder's outputs for both views (n, b)."""


def nearest_items(items: TrainingItems, config: ViewsConfig, device: torch.device) -> Tensor | None:
    """The items a view may be of (N, k), int64; None where it is the item itself. Where an item has fewer than k
    neighbours, it stands for those that are missing."""
    if config.view_neighbours == 0 or len(items.features) < 2:
        return None
    found = torch.from_numpy(items.nearest(config.view_neighbours)[0].astype("int64"))
    own = torch.arange(len(found))[:, None]
    return torch.where(found < 0, own, found).to(device)


def second_view(batch: MiniBatch, config: ViewsConfig) -> Tensor:
    """Another view of each item of a mini-batch (n, d); `batch.survey` is what `nearest_items` found."""
    near: Any = batch.survey
    if near is None:
        return with_noise(batch.normalised, config.view_noise, batch.random)
    places = torch.randint(near.shape[1], (len(batch.items), 1), generator=batch.random).to(near.device)
    chosen = near[batch.items].gather(1, places).squeeze(1)
    return with_noise(batch.everything[chosen], config.view_noise, batch.random)


def with_noise(normalised: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Embeddings (n, d) with Gaussian noise of `share` of their length."""
    if share == 0:
        return normalised
    noise = torch.randn(normalised.shape, generator=random).to(normalised.device)
    length = torch.linalg.vector_norm(normalised, dim=1, keepdim=True)
    return normalised + share * length / normalised.shape[1] ** 0.5 * noise
