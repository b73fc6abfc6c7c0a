"""The start at ITQ: an untrained hasher's codes are ITQ's, and what happens where they cannot be."""

import numpy as np
import pytest
import torch

from hasher.data import load_dataset
from hasher.encoding import encode
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.training.loop import GradientTraining
from tests.hasher.hashing import FILTER_NAMES, codes_of, start

CPU = torch.device("cpu")


def correlated(count: int = 400, width: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) + 3).astype(np.float32)


def untrained(features: np.ndarray, seed: int = 4, **changes: object) -> GradientTraining:
    return start(HAGCNConfig.parse({"epochs": 1, **changes}, "test"), features, seed, CPU)


@pytest.mark.parametrize("filter_name", FILTER_NAMES)
@pytest.mark.parametrize(("bits", "width"), [(1, 2), (8, 16), (12, 64), (16, 48), (24, 48), (24, 300)])
def test_untrained_codes_are_those_of_itq_bit_for_bit(filter_name: str, bits: int, width: int) -> None:
    """b ≤ d = 24 and 2b ≤ w, for every filter, with more directions than the data has and with fewer."""
    features = correlated()
    codes = encode(untrained(features, filter=filter_name, bits=bits, ae_width=width).encoder, features)
    (expected,) = codes_of("itq", features, features, bits=bits, seed=4)
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("bits", [16, 32, 48])
def test_untrained_codes_of_digits_are_those_of_itq(bits: int) -> None:
    features = load_dataset("digits").features
    codes = encode(untrained(features, bits=bits, ae_width=128).encoder, features)
    (expected,) = codes_of("itq", features, features, bits=bits, seed=4)
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize(("bits", "width", "itq_bits"), [(24, 20, 10), (40, 200, 24), (30, 30, 15)])
def test_beyond_that_the_first_bits_are_itqs_and_the_others_random(bits: int, width: int, itq_bits: int) -> None:
    """Too narrow (2b > w) or too long (b > d): as many bits as fit are ITQ's of that length."""
    features = correlated()
    codes = encode(untrained(features, bits=bits, ae_width=width).encoder, features)
    (expected,) = codes_of("itq", features, features, bits=itq_bits, seed=4)
    np.testing.assert_array_equal(codes[:, :itq_bits], expected)
    share = codes[:, itq_bits:].mean(axis=0)
    assert ((share > 0.1) & (share < 0.9)).all()  # neither constant nor, below, the same for another seed
    other = encode(untrained(features, seed=5, bits=bits, ae_width=width).encoder, features)
    assert (codes[:, itq_bits:] != other[:, itq_bits:]).any(axis=0).all()


def test_outputs_have_the_same_size_at_every_length_and_width() -> None:
    features = correlated()
    for bits, width in ((4, 32), (24, 64), (12, 400)):
        with torch.no_grad():
            outputs = untrained(features, bits=bits, ae_width=width).encoder(torch.from_numpy(features))
        assert outputs.square().mean().item() == pytest.approx(1, abs=0.02)


def test_directions_without_variance_start_at_nothing_that_is_not_a_number() -> None:
    features = correlated()
    features[:, 5:] = 1  # five directions are left
    trainer = untrained(features, bits=8, ae_width=32)
    assert all(value.isfinite().all() for value in trainer.encoder.state_dict().values())
    (expected,) = codes_of("itq", features, features, bits=5, seed=4)
    np.testing.assert_array_equal(encode(trainer.encoder, features)[:, :5], expected)


def test_a_random_start_is_another() -> None:
    features = correlated()
    codes = encode(untrained(features, start="random", bits=12, ae_width=64).encoder, features)
    (itq,) = codes_of("itq", features, features, bits=12, seed=4)
    assert 0.2 < (codes != itq).mean() < 0.8
