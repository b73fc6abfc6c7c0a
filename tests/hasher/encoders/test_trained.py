"""Encoders that are trained: a linear map to begin with, and outputs that depend on their own item alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from hasher.encoders import BatchNorm, OneLayerEncoder, RawEncoder, TrainedEncoder, TwoLayerEncoder

D, B = 9, 4
MEAN = torch.arange(D, dtype=torch.float32)
ENCODERS: dict[str, Callable[[], TrainedEncoder]] = {
    "one layer": lambda: OneLayerEncoder(MEAN, B),
    "raw": lambda: RawEncoder(MEAN, B),
    "GELU": lambda: TwoLayerEncoder(MEAN, 21, B),
    "ReLU": lambda: TwoLayerEncoder(MEAN, 21, B, functional.relu),
    "batch normalisation": lambda: TwoLayerEncoder(MEAN, 21, B, functional.gelu, BatchNorm(B)),
}


@pytest.fixture(params=ENCODERS, ids=str)
def encoder(request: pytest.FixtureRequest) -> TrainedEncoder:
    torch.manual_seed(0)
    return ENCODERS[request.param]().eval()


@torch.no_grad()
def test_a_linear_encoder_has_the_coordinates_it_was_given(encoder: TrainedEncoder) -> None:
    """In float64 as (x - mean) D^T M^T, up to the length of the embedding and batch normalisation's epsilon."""
    directions, mixing = torch.randn(6, D), torch.randn(B, 6)
    encoder.become_linear(directions[: encoder.room], mixing)
    encoder.rescale(2.0)
    features = torch.randn(30, D) + MEAN
    centred = (features - MEAN).double()
    scale = torch.ones(30, 1) if isinstance(encoder, RawEncoder) else 1 / centred.norm(dim=1, keepdim=True) * D**0.5 / 5
    expected = centred * scale @ directions.double().T @ mixing.double().T / 2
    torch.testing.assert_close(encoder(features).double(), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_output_depends_on_its_own_item_alone(encoder: TrainedEncoder) -> None:
    features = torch.randn(7, D) * 3
    alone = torch.cat([encoder(row[None]) for row in features])
    torch.testing.assert_close(encoder(features), alone)


@torch.no_grad()
def test_memory_to_write_to_changes_neither_outputs_nor_embeddings(encoder: TrainedEncoder) -> None:
    """NaN in it would show in the outputs; the embeddings are where a step in place would show."""
    features = torch.randn(50, D) + MEAN
    given, scratch = features.clone(), torch.full((50, D), torch.nan)
    found = encoder.forward_within(given, scratch)
    torch.testing.assert_close(found, encoder(features), rtol=0, atol=0)
    torch.testing.assert_close(given, features, rtol=0, atol=0)
    assert found.untyped_storage().data_ptr() != scratch.untyped_storage().data_ptr()


def test_batch_normalisation_takes_a_mini_batch_of_one_item_by_its_running_statistics() -> None:
    ours, theirs = BatchNorm(B), torch.nn.BatchNorm1d(B)
    many, one = torch.randn(16, B) * 2 + 1, torch.randn(1, B)
    torch.testing.assert_close(ours(many), theirs(many))
    torch.testing.assert_close(ours(one), theirs.eval()(one))
    with pytest.raises(ValueError, match="more than 1 value"):
        theirs.train()(one)
