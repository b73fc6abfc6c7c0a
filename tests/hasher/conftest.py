"""A hasher for tests that need one and do not care what it learned."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.model import HAGCN
from hasher.methods.registry import find_method
from hasher.model_file import SavedHasher

MakeHasher = Callable[..., SavedHasher]


@pytest.fixture(scope="session")
def make_hasher() -> MakeHasher:
    """``make_hasher(width, bits, seed, about)``: an untrained hasher, whose codes of normal vectors differ much."""

    def make(width: int = 10, bits: int = 13, seed: int = 0, about: dict[str, Any] | None = None) -> SavedHasher:
        config = HAGCNConfig(filter="gcn", bits=bits, ae_width=16)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            model = HAGCN(config, torch.randn(width) / 10)
            model.encoder.to_continuous.weight *= 10
            model.encoder.to_continuous.bias.zero_()
            model.encoder.to_bits.bias -= model.encoder.to_bits(model.encoder.continuous(torch.randn(64, width))).mean(
                0
            )
        return SavedHasher(find_method("gcn"), config, model.eval(), about or {})

    return make
