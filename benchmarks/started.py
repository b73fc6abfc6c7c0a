"""HAGCN before its first epoch, as the benchmarks of training steps need it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.registry import find_method
from hasher.training.loop import GradientTraining


def started(config: HAGCNConfig, features: NDArray[np.float32]) -> GradientTraining:
    """A training of the method that `config` is of, on the CPU."""
    training = find_method(config.filter).start(config, features, 0, torch.device("cpu"))
    assert isinstance(training, GradientTraining)
    return training
