"""Training by gradient, an epoch at a time, from a state that can be saved and continued exactly."""

from __future__ import annotations

import copy
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hasher.contract import EpochResult, Model, TrainedConfig
from hasher.encoders import Encoder, TrainedEncoder
from hasher.errors import UserError
from hasher.training.batches import cut, neighbourhood_order, random_order
from hasher.training.items import TrainingItems
from hasher.training.start import start_at_itq


@dataclass(frozen=True)
class MiniBatch:
    """What an objective is told of one step: n of N items of width d.

    Attributes:
        items: which they are (n,), int64.
        normalised: their embeddings as `TrainedEncoder.normalise` makes them (n, d).
        everything: those of all training items (N, d).
        survey: what the model's `survey` found.
        random: of the CPU; what an objective draws from it is part of a checkpoint.
    """

    items: Tensor
    normalised: Tensor
    everything: Tensor
    survey: Any
    random: torch.Generator


class TrainedModel(Model):
    """A model with an objective.

    `loss_names` are those of the terms that an epoch reports, ``loss``, the whole, first.
    """

    encoder: TrainedEncoder
    loss_names: ClassVar[tuple[str, ...]]

    @property
    def is_stackable(self) -> bool:
        """Whether `torch.vmap` can take the losses of several models at once (`hasher.training.side_by_side`).

        Not where they draw random numbers, or do what PyTorch has no rule for.
        """
        return False

    def survey(self, items: TrainingItems, device: torch.device) -> Any:
        """What the objective needs of all training items together; a `MiniBatch` has it."""
        return None

    def optimiser(self, config: Any) -> torch.optim.Optimizer:
        """Adam, over all that the model has to learn."""
        return torch.optim.Adam(self.parameters(), lr=config.learning_rate, fused=True)

    @abstractmethod
    def losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        """Terms of the objective by name, scalars."""


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


class Learner:
    """A model with all that a step changes beside it: optimiser, step size, and the encoder's averaged weights."""

    def __init__(self, model: TrainedModel, config: TrainedConfig, items: int) -> None:
        self.model = model
        self.average = _average(model.encoder, config.averaging)
        self._optimiser = model.optimiser(config)
        self._schedule = _schedule(self._optimiser, config, items)

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of `loss`, a scalar."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model.encoder)

    def state_dict(self) -> dict[str, Any]:
        """Everything `load_state_dict` needs to go on as if nothing had happened; tensors and numbers only."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`, which a learner of the same configuration returned."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])


class GradientTraining:
    """A learner and its random state.

    The seed decides the initial weights, which `build` draws from torch's global CPU generator, and what mini-batches
    are made of; nothing else is random, so the same seed, data and device give the same hasher.
    """

    def __init__(
        self,
        build: Callable[[], TrainedModel],
        items: TrainingItems,
        config: TrainedConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.config = config
        self.device = device
        self._build, self._embeddings = build, items
        self._begin(seed)
        self._items = self.model.encoder.normalise(torch.from_numpy(items.features).to(device))
        self._near = _near(items, config, self._items)
        self._survey = self.model.survey(items, device)

    def _begin(self, seed: int) -> None:
        self.epoch = 0
        self._random = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self._build()  # on the CPU, so that a seed means the same weights on every device
            if self.config.start == "itq":
                start_at_itq(model.encoder, self._embeddings, seed)
        self.learner = Learner(model.to(self.device).eval(), self.config, len(self._embeddings.features))

    def with_seed(self, seed: int) -> GradientTraining:
        """Another one of the same configuration at its start; what both need of the items is there once."""
        other = copy.copy(self)
        other._begin(seed)
        return other

    @property
    def model(self) -> TrainedModel:
        """The model in training."""
        return self.learner.model

    @property
    def count(self) -> int:
        """Training items (N)."""
        return len(self._items)

    def has_items_of(self, other: GradientTraining) -> bool:
        """Whether both learn from the same items, on the same device."""
        return self.device == other.device and (self._items is other._items or torch.equal(self._items, other._items))

    @property
    def epochs(self) -> int:
        """Passes that training makes."""
        return self.config.trained_epochs

    @property
    def encoder(self) -> Encoder:
        """The encoder as it would be used now: the average of its last steps, where that is asked for."""
        average = self.learner.average
        return self.model.encoder if average is None else cast(Encoder, average.module)

    @property
    def trained(self) -> TrainedModel:
        """The model with that encoder, apart from the one in training where the two differ."""
        if self.learner.average is None:
            return self.model
        model = copy.deepcopy(self.model)
        model.encoder.load_state_dict(self.encoder.state_dict())
        return model

    def run_epoch(self) -> EpochResult:
        """One pass over the training items, in mini-batches of nearly equal size, at most `batch_size` each."""
        started = time.perf_counter()
        names = self.model.loss_names
        sums = torch.zeros(len(names), device=self.device)
        self.model.train()
        for batch in cut(self.order(), self.config.batch_size):
            losses = self.model.losses(self.mini_batch(batch))
            self.learner.step(losses["loss"])
            sums += torch.stack([losses[name].detach() for name in names]) * len(batch)  # one transfer an epoch
        self.model.eval()
        self.epoch += 1
        means = (sums / len(self._items)).tolist()
        return EpochResult(self.epoch, dict(zip(names, means, strict=True)), time.perf_counter() - started)

    def mini_batch(self, items: Tensor) -> MiniBatch:
        """What an objective is told of a step with these items (n,)."""
        return MiniBatch(items, self._items[items], self._items, self._survey, self._random)

    def order(self) -> Tensor:
        """The items of the next epoch, mini-batch after mini-batch: int64 (N,), on the device."""
        if self._near is None:
            return random_order(len(self._items), self._random).to(self.device)
        return neighbourhood_order(self._near, self.config.leaf_size, self._random).to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Everything `load_state_dict` needs to go on as if nothing had happened; tensors and numbers only."""
        return {"epoch": self.epoch, **self.learner.state_dict(), "random": self._random.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`, which a training of the same configuration and data returned."""
        self.learner.load_state_dict(state)
        self._random.set_state(state["random"].cpu())
        self.epoch = state["epoch"]


def _near(items: TrainingItems, config: TrainedConfig, normalised: Tensor) -> Tensor | None:
    """The vectors (n, ·) by whose nearness items share a mini-batch; None where any may."""
    if config.batches == "graph":
        return torch.from_numpy(items.diffused()).to(normalised.device)
    return normalised if config.batches == "neighbourhood" else None


def _schedule(optimiser: torch.optim.Optimizer, config: TrainedConfig, items: int) -> LRScheduler:
    """The step size of every step of a training run."""
    if config.schedule == "constant":
        return ConstantLR(optimiser, factor=1.0)
    steps = config.epochs * math.ceil(items / config.batch_size)
    if config.schedule == "cosine":
        return CosineAnnealingLR(optimiser, T_max=steps)
    return OneCycleLR(optimiser, max_lr=config.learning_rate, total_steps=steps + 1, cycle_momentum=False)


def _average(encoder: Encoder, kept: float) -> AveragedModel | None:
    """An exponential moving average of the encoder's weights (Polyak & Juditsky 1992), on its device.

    Running statistics of batch normalisation are those of the encoder in training.
    """
    return AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(kept)) if kept else None
