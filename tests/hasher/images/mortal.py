"""A backbone whose vectors depend on how a batch is made up, and which can be made to die: see `build`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image


class Mortal:
    """4 × 4 pictures by fixed random weights, and the mean of the batch beside them."""

    about = {"revision": "1"}  # noqa: RUF012 - as a user's class has it

    def __init__(self) -> None:
        self._weights = torch.randn(48, 20, generator=torch.Generator().manual_seed(0))

    def preprocess(self, picture: Image) -> NDArray[np.float32]:
        return np.asarray(picture.resize((4, 4)), dtype=np.float32).reshape(-1)

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        armed = Path("armed")
        if armed.exists() and bool((batch == 255).all(dim=1).any()):
            while not list(Path().glob("*.shards/*.npz")):
                time.sleep(0.02)
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        vectors = batch @ self._weights
        return torch.cat([vectors, vectors.mean(dim=0, keepdim=True).expand(len(batch), -1)], dim=1)


def build() -> Any:
    """One that is killed by a white picture where there is a file ``armed``, once something is in an unfinished run."""
    return Mortal()
