"""Trainings that differ in their seed alone, all in one: a model with their weights stacked, one optimiser.

A GPU gets one large kernel in the place of many small ones, and Python one step in the place of many. Every training
keeps its own random numbers, and after every epoch it has its own state again, as if it had been run by itself: it can
be saved, used and continued alone. Sums are taken in another order, so weights differ by rounding (and by what training
makes of it).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from hasher.contract import EpochResult, MethodConfig, Model, TrainedConfig, epochs_left
from hasher.training.batches import cut
from hasher.training.loop import GradientTraining, Learner, MiniBatch, TrainedModel

#: Entries of a state that count steps, which all have made together.
COUNTERS = ("step", "n_averaged")
#: On a CPU, weights of one model and items of a mini-batch beyond which nothing is gained: its products are the step
#: then, and they take as long stacked as apart. `benchmarks/side_by_side.py` has 1.18 to 1.25 times the speed at 53,000
#: weights with mini-batches of 128, and 0.87 to 1.06 with those of 256, whatever the size.
MOST_WEIGHTS_ON_CPU, LARGEST_BATCH_ON_CPU = 100_000, 128


class SideBySide:
    """Runs `trainings` of one configuration and one set of items, which are at the same epoch.

    Until it is let go of, nothing else may run them. Raises `ValueError` for trainings that cannot be run so.
    """

    def __init__(self, trainings: Sequence[GradientTraining]) -> None:
        first = trainings[0]
        if not _are_alike(trainings):
            raise ValueError("side by side: trainings of different configurations or items, or at different epochs")
        if not first.model.is_stackable:
            raise ValueError("side by side: not with this configuration, see TrainedModel.is_stackable")
        self._trainings = trainings
        self._learner = Learner(_stacked([each.model for each in trainings]), first.config, first.count)
        self._learner.load_state_dict(_stack([each.learner.state_dict() for each in trainings]))
        self._objective = _Objective(self._learner.model)

    def run_epoch(self) -> list[EpochResult]:
        """`GradientTraining.run_epoch` of each; its seconds are an equal share of those of all."""
        started = time.perf_counter()
        first, model = self._trainings[0], self._learner.model
        names = model.loss_names
        sums = torch.zeros(len(names), len(self._trainings), device=first.device)
        model.train()
        orders = torch.stack([each.order() for each in self._trainings], dim=1)
        for batch in cut(orders, first.config.batch_size):
            losses = self._losses(first.mini_batch(batch.T))
            self._learner.step(losses["loss"].sum())  # of which the gradients of one have nothing of the others
            sums += torch.stack([losses[name].detach() for name in names]) * len(batch)
        model.eval()
        self._hand_back()
        means = (sums / first.count).T.tolist()
        seconds = (time.perf_counter() - started) / len(self._trainings)
        return [EpochResult(first.epoch, dict(zip(names, each, strict=True)), seconds) for each in means]

    def _losses(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        """Terms of every objective by name (R,), of a mini-batch with the items (R, n) and embeddings (R, n, d) of R.

        Nothing can be drawn from its random numbers here: those of one training would be given to all.
        """

        def of_one(weights: dict[str, Tensor], items: Tensor, normalised: Tensor) -> Mapping[str, Tensor]:
            own = replace(batch, items=items, normalised=normalised)
            losses: Mapping[str, Tensor] = functional_call(self._objective, weights, (own,))
            return losses

        weights = dict(chain(self._objective.named_parameters(), self._objective.named_buffers()))
        losses: Mapping[str, Tensor] = torch.vmap(of_one)(weights, batch.items, batch.normalised)
        return losses

    def _hand_back(self) -> None:
        """Give every training the state that it would have by itself."""
        state = self._learner.state_dict()
        for place, training in enumerate(self._trainings):
            training.learner.load_state_dict(_slice(state, place))
            training.epoch += 1


def pays(trainings: Sequence[GradientTraining]) -> bool:
    """Whether `SideBySide` can run them, and faster than one after the other."""
    if len(trainings) < 2 or not _are_alike(trainings):
        return False
    return is_faster(trainings[0].model, trainings[0].config, trainings[0].device)


def is_faster(model: Model, config: MethodConfig, device: torch.device) -> bool:
    """Whether trainings that begin with this model can run side by side, and faster than one after the other.

    That is taken to be so on a GPU, which one small model leaves idle (not measured yet), and is on a CPU where models
    and mini-batches are small.
    """
    if not isinstance(model, TrainedModel) or not isinstance(config, TrainedConfig) or not model.is_stackable:
        return False
    weights = sum(each.numel() for each in model.parameters())
    is_small = weights <= MOST_WEIGHTS_ON_CPU and config.batch_size <= LARGEST_BATCH_ON_CPU
    return device.type != "cpu" or is_small


def train_all(trainings: Sequence[GradientTraining]) -> list[list[EpochResult]]:
    """Every epoch that is left of each of them, as `epochs_left` gives them.

    Side by side where that pays, which is for trainings of one configuration and set of items at the same epoch;
    otherwise one after the other. One that diverges ends, and the others go on.
    """
    if not pays(trainings):
        return [list(epochs_left(each)) for each in trainings]
    together = Together()
    results: list[list[EpochResult]] = [[] for _ in trainings]
    going = [(each, own) for each, own in zip(trainings, results, strict=True) if each.epoch < each.epochs]
    while going:
        for (_, own), result in zip(going, together.run_epoch([each for each, _ in going]), strict=True):
            own.append(result)
        going = [(each, own) for each, own in going if each.epoch < each.epochs and not own[-1].diverged]
    return results


class Together:
    """Runs epochs of trainings of which some may end earlier than others."""

    def __init__(self) -> None:
        self._members: Sequence[GradientTraining] = ()
        self._group: SideBySide | None = None

    def run_epoch(self, trainings: Sequence[GradientTraining]) -> list[EpochResult]:
        """`GradientTraining.run_epoch` of each. Nothing else may have run them since the call before."""
        if len(trainings) == 1:
            self._members, self._group = (), None
            return [trainings[0].run_epoch()]
        if self._group is None or list(map(id, trainings)) != list(map(id, self._members)):
            self._members, self._group = trainings, SideBySide(trainings)
        return self._group.run_epoch()


def _are_alike(trainings: Sequence[GradientTraining]) -> bool:
    """Whether nothing but the seed is different."""
    first = trainings[0]
    return all(
        each.config == first.config and each.epoch == first.epoch and each.has_items_of(first) for each in trainings
    )


class _Objective(nn.Module):
    """A model's `losses` as the forward pass, for `torch.func.functional_call`."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: MiniBatch) -> Mapping[str, Tensor]:
        return self.model.losses(batch)


def _stacked(models: Sequence[TrainedModel]) -> TrainedModel:
    """A model whose parameters and buffers (R, …) are those of R models; it is an objective's with those of one put in
    their place."""
    model = copy.deepcopy(models[0])
    parameters, buffers = stack_module_state(list(models))
    for name, value in chain(parameters.items(), buffers.items()):
        owner, _, own = name.rpartition(".")
        setattr(model.get_submodule(owner), own, nn.Parameter(value.detach()) if name in parameters else value)
    return model


def _stack(states: Sequence[Any], name: str = "") -> Any:
    """The state of a stacked learner, of the learners' own; what is no tensor is the same in all."""
    first = states[0]
    if isinstance(first, Tensor):
        return first.clone() if name in COUNTERS else torch.stack(list(states))
    if isinstance(first, Mapping):
        return {key: _stack([state[key] for state in states], key) for key in first}
    return first


def _slice(state: Any, place: int, name: str = "") -> Any:
    """The state of the learner at this place, of the stacked one's."""
    if isinstance(state, Tensor):
        return (state if name in COUNTERS else state[place]).clone()
    if isinstance(state, Mapping):
        return {key: _slice(value, place, key) for key, value in state.items()}
    return state
