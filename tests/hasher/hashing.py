"""Short ways to a training and to codes, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hasher.contract import Method, epochs_left
from hasher.encoding import encode
from hasher.filters import FILTERS
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from hasher.training.loop import GradientTraining

CPU = torch.device("cpu")
FILTER_NAMES = tuple(FILTERS)
ORDERS = {name: facts.order.default for name, facts in FILTERS.items() if facts.order is not None}
SMALLEST_ORDERS = {name: facts.order.smallest for name, facts in FILTERS.items() if facts.order is not None}


def method_of(config: HAGCNConfig) -> Method:
    return find_method(config.filter)


def start(config: HAGCNConfig, features: np.ndarray, seed: int = 0, device: torch.device = CPU) -> GradientTraining:
    """HAGCN before its first epoch."""
    training = method_of(config).start(config, features, seed, device)
    assert isinstance(training, GradientTraining)
    return training


def begin(name: str, features: np.ndarray, seed: int = 0, **values: Any) -> GradientTraining:
    """The training of any method that is trained by gradient, before its first epoch."""
    method = find_method(name)
    training = method.start(method.configure(values), features, seed, CPU)
    assert isinstance(training, GradientTraining)
    return training


def trained(name: str, features: np.ndarray, seed: int = 0, **values: Any) -> GradientTraining:
    """The same after its last epoch."""
    training = begin(name, features, seed, **values)
    list(epochs_left(training))
    return training


def codes_of(name: str, train: np.ndarray, *items: np.ndarray, bits: int, seed: int = 0) -> Any:
    """Codes of each of `items` by a hash without epochs, fitted to `train`; None where it has no such code."""
    method = find_method(name)
    if method.impossible(bits, *train.shape):
        return None
    training = method.start(method.configure({"bits": bits}), train, seed, CPU)
    assert training.epochs == 0
    return [encode(training.encoder, each) for each in items]
