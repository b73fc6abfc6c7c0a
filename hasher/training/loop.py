"""Training one hasher, an epoch at a time, from a state that can be saved and continued exactly."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hasher.database_graph import DatabaseTensors, ItemResponses
from hasher.errors import UserError
from hasher.hagcn.config import HasherConfig
from hasher.hagcn.losses import hashing_loss
from hasher.hagcn.model import HAGCN, Encoder
from hasher.hagcn.start import start_at_itq
from hasher.training.batches import cut, neighbourhood_order, random_order
from hasher.training.items import TrainingItems


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

    `features` (n, d) float32 are the training embeddings. The seed decides the initial weights and what mini-batches
    are made of and nothing else is random, so the same seed, data and device give the same hasher.
    """

    def __init__(self, config: HasherConfig, features: np.ndarray, seed: int, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.epoch = 0
        items = TrainingItems(np.require(features, np.float32, ["C", "W"]))  # torch takes none that is read-only
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # Built on the CPU, so that a seed means the same weights on every device.
            self.model = HAGCN(config, torch.from_numpy(items.mean))
            if config.start == "itq":
                start_at_itq(self.model.encoder, items, seed)
        self.model.to(device)
        self._items = self.model.encoder.normalise(torch.from_numpy(items.features).to(device))
        self._database: DatabaseTensors | None = None
        if config.graph == "database" and config.filter != "none":
            graph = items.graph(config.knn_size, config.edge_power)
            self._database = self.model.filter.database_arrays(graph).on(device)
        self._optimiser = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate, fused=True)
        self._schedule = _schedule(self._optimiser, config, len(self._items))
        self._average = _average(self.model.encoder, config.averaging)

    @property
    def encoder(self) -> Encoder:
        """The encoder as it would be used now: the average of its last steps, where that is asked for."""
        return self.model.encoder if self._average is None else cast(Encoder, self._average.module)

    @property
    def trained(self) -> HAGCN:
        """The model with that encoder, apart from the one in training where the two differ."""
        if self._average is None:
            return self.model
        model = copy.deepcopy(self.model)
        model.encoder.load_state_dict(self.encoder.state_dict())
        return model

    def run_epoch(self) -> EpochResult:
        """One pass over the training items, in mini-batches of nearly equal size, at most `batch_size` each."""
        started = time.perf_counter()
        sums = torch.zeros(5, device=self.device)
        self.model.train()
        for batch in cut(self._order().to(self.device), self.config.batch_size):
            losses = hashing_loss(self.model(self._items[batch], self._responses(batch)), self.config)
            self._optimiser.zero_grad(set_to_none=True)
            losses.total.backward()
            self._optimiser.step()
            self._schedule.step()
            if self._average is not None:
                self._average.update_parameters(self.model.encoder)
            sums += losses.as_tensor() * len(batch)
        self.epoch += 1
        means = (sums / len(self._items)).tolist()
        seconds = time.perf_counter() - started
        return EpochResult(self.epoch, means[0], means[1], means[2], means[3], means[4], seconds)

    def _order(self) -> Tensor:
        """The items of an epoch, mini-batch after mini-batch."""
        if self.config.batches == "random":
            return random_order(len(self._items), self._random)
        return neighbourhood_order(self._items, self.config.leaf_size, self._random)

    def _responses(self, batch: Tensor) -> ItemResponses | None:
        """What the filter answers for the items of a mini-batch, where it looks at the graph of the database."""
        return None if self._database is None else self.model.filter.respond(self._database, batch)

    def run(self) -> Iterator[EpochResult]:
        """The epochs that are left, one result each; ends early where the loss is no longer finite."""
        while self.epoch < self.config.trained_epochs:
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
            "schedule": self._schedule.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which a trainer of the same configuration and data returned."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._random.set_state(state["random"].cpu())
        self.epoch = state["epoch"]


def _schedule(optimiser: torch.optim.Optimizer, config: HasherConfig, items: int) -> LRScheduler:
    """The step size of every step of a training run."""
    if config.schedule == "constant":
        return ConstantLR(optimiser, factor=1.0)
    steps = config.epochs * math.ceil(items / config.batch_size)
    return OneCycleLR(optimiser, max_lr=config.learning_rate, total_steps=steps + 1, cycle_momentum=False)


def _average(encoder: Encoder, kept: float) -> AveragedModel | None:
    """An exponential moving average of the encoder's weights (Polyak & Juditsky 1992), on its device."""
    return AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(kept)) if kept else None
