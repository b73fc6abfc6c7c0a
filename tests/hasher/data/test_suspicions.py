"""Warnings of what is seldom meant."""

import warnings

import numpy as np
import pytest

from hasher.data import EmbeddingSet, SplitConfig, make_splits, warn_of_oddities


def data(count: int, zeros: int) -> EmbeddingSet:
    features = np.random.default_rng(0).normal(size=(count, 3))
    features[:zeros] = 0
    return EmbeddingSet("toys", features, np.arange(count) % 2, ("a", "b"))


@pytest.mark.parametrize(
    ("count", "zeros", "says"),
    [
        (12, 0, ["toys: 2 test queries of 12 items, too few"]),
        (90, 7, ["toys: 7 of 90 vectors are all zero"]),
        (12, 1, ["toys: 1 of 12 vectors are all zero", "toys: 2 test queries of 12 items"]),
        (90, 0, []),
    ],
)
def test_what_is_warned_about(count: int, zeros: int, says: list[str]) -> None:
    dataset = data(count, zeros)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_oddities(dataset, make_splits(dataset, SplitConfig()).final)
    assert len(caught) == len(says) and all(
        str(one.message).startswith(said) for one, said in zip(caught, says, strict=True)
    )
