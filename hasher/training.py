"""Training one hasher, an epoch at a time, from a state that can be saved and continued exactly."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hasher.config import HasherConfig
from hasher.errors import UserError
from hasher.losses import hashing_loss
from hasher.model import HAGCN


@dataclass(frozen=True)
class EpochResult:
    """Mean losses of one epoch over its mini-batches (weighted by their items); `epoch` counts from 1."""

    epoch: int
    loss: float
    loss_rec: float
    loss_sim: float
    loss_quant: float
    loss_bal: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the loss is no longer a finite number."""
        return not math.isfinite(self.loss)


def resolve_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, otherwise the CPU. Raises `UserError` for a device this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise UserError(f"device: {name!r} is not available here, use auto, cpu or cuda") from None
    return device


class Trainer:
    """A hasher, its optimiser and its random state.

    `features` (n, d) float32 are the training embeddings. The seed decides the initial weights and the order of the
    mini-batches and nothing else is random, so the same seed, data and device give the same hasher.
    """

    def __init__(self, config: HasherConfig, features: np.ndarray | Tensor, seed: int, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.epoch = 0
        self._features = torch.as_tensor(features, dtype=torch.float32).to(device)
        self._order = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # Built on the CPU, so that a seed means the same weights on every device.
            self.model = HAGCN(config, self._features.mean(dim=0).cpu())
        self.model.to(device)
        self._optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)

    def run_epoch(self) -> EpochResult:
        """One pass over the training items, in mini-batches of nearly equal size, at most `batch_size` each."""
        started = time.perf_counter()
        count = self._features.shape[0]
        order = torch.randperm(count, generator=self._order).to(self.device)
        sums = torch.zeros(5, device=self.device)
        self.model.train()
        for batch in order.tensor_split(math.ceil(count / self.config.batch_size)):
            losses = hashing_loss(self.model(self._features[batch]), self.config)
            self._optimiser.zero_grad(set_to_none=True)
            losses.total.backward()
            self._optimiser.step()
            sums += losses.as_tensor() * len(batch)
        self.epoch += 1
        means = (sums / count).tolist()
        seconds = time.perf_counter() - started
        return EpochResult(self.epoch, means[0], means[1], means[2], means[3], means[4], seconds)

    def run(self) -> Iterator[EpochResult]:
        """The epochs that are left, one result each; ends early where the loss is no longer finite."""
        while self.epoch < self.config.epochs:
            result = self.run_epoch()
            yield result
            if result.diverged:
                return

    def state_dict(self) -> dict[str, Any]:
        """Everything `load_state_dict` needs to go on as if nothing had happened; tensors and numbers only."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "order": self._order.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which a trainer of the same configuration and data returned."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._order.set_state(state["order"].cpu())
        self.epoch = state["epoch"]
