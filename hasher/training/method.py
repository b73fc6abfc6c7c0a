"""Methods that are trained by gradient: all of them start, go on and are saved alike."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hasher.contract import Method
from hasher.training.items import TrainingItems
from hasher.training.loop import GradientTraining, TrainedModel


class GradientMethod(Method):
    """A method whose `Config` is a `hasher.contract.TrainedConfig` and whose objective is a `TrainedModel`'s."""

    @abstractmethod
    def build(self, config: Any, mean: Tensor) -> TrainedModel:
        """The untrained model, its weights drawn from torch's global generator, for embeddings of this mean (d,)."""

    def start(self, config: Any, features: NDArray[np.float32], seed: int, device: torch.device) -> GradientTraining:
        items = TrainingItems(np.require(features, np.float32, ["C", "W"]))  # torch takes none that is read-only
        return GradientTraining(lambda: self.build(config, torch.from_numpy(items.mean)), items, config, seed, device)

    def model(self, config: Any, width: int) -> TrainedModel:
        return self.build(config, torch.zeros(width))
