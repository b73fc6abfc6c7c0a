"""Linear hashes, which are there at once: signs of projections on directions found without a gradient."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hasher.contract import Method, MethodConfig
from hasher.encoders import LinearEncoder
from hasher.methods.closed_form import ClosedForm, EncoderModel
from hasher.training.items import TrainingItems

#: Mean (d,) and directions (d, bits).
Projection = tuple[NDArray[np.float32], NDArray[np.float32]]


class LinearMethod(Method):
    """A hash that is a projection: what differs between them is `fit`."""

    family = "Linear hashes"

    @abstractmethod
    def fit(self, items: TrainingItems, config: Any, seed: int) -> Projection:
        """The mean that embeddings are centred on, and the directions they are projected on."""

    def start(self, config: Any, features: NDArray[np.float32], seed: int, device: torch.device) -> ClosedForm:
        mean, directions = self.fit(TrainingItems(features), config, seed)
        encoder = LinearEncoder(torch.from_numpy(mean), torch.from_numpy(np.ascontiguousarray(directions)))
        return ClosedForm(EncoderModel(encoder).to(device))

    def model(self, config: MethodConfig, width: int) -> EncoderModel:
        return EncoderModel(LinearEncoder(torch.zeros(width), torch.zeros(width, config.bits)))


class PrincipalMethod(LinearMethod):
    """A hash with as many bits at most as there are principal components."""

    def impossible(self, bits: int, items: int, width: int) -> str | None:
        most = min(items, width)
        return None if bits <= most else f"{self.label} has no {bits}-bit code on this data, at most {most} bits"
