"""Mini-batches: every item once, neighbours together, and the same again from the same state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.training.batches import LARGEST_LEAF, cut, neighbourhood_order, random_order


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian_classes(classes: int, each: int, width: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = seeded(1)
    labels = torch.arange(classes * each) % classes
    centres = torch.randn(classes, width, generator=generator) * 3
    return centres[labels] + torch.randn(len(labels), width, generator=generator), labels


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 200), leaf=st.integers(1, 250), width=st.integers(1, 5), batch=st.integers(2, 300))
def test_an_epoch_has_every_item_once_in_batches_of_nearly_equal_size(
    count: int, leaf: int, width: int, batch: int
) -> None:
    features = torch.randn(count, width, generator=seeded(count))
    for order in (neighbourhood_order(features, leaf, seeded()), random_order(count, seeded())):
        assert sorted(order.tolist()) == list(range(count))
        sizes = [len(part) for part in cut(order, batch)]
        assert sum(sizes) == count and max(sizes) <= batch and max(sizes) - min(sizes) <= 1


def test_items_that_are_all_alike_are_divided_all_the_same() -> None:
    assert sorted(neighbourhood_order(torch.ones(50, 3), 4, seeded()).tolist()) == list(range(50))


@pytest.mark.parametrize("leaf", [4, 16, 64])
def test_leaves_hold_neighbours_and_are_as_large_as_asked_for(leaf: int) -> None:
    """Far groups of exactly a leaf's size are cut apart at the medians; a random order would mix all of them."""
    features, labels = gaussian_classes(classes=32, each=leaf)
    order = neighbourhood_order(features, leaf, seeded())
    together = labels[order].view(-1, leaf)
    alike = (together[:, :, None] == together[:, None, :]).float().mean().item()
    assert alike > 5 / 32  # by chance 1/32


def test_leaves_are_no_larger_than_said() -> None:
    """In one dimension a leaf is an interval: where the next item is not its neighbour, a leaf ends."""
    features = torch.randperm(1000, generator=seeded()).float()[:, None]
    values = features[neighbourhood_order(features, 20, seeded()), 0].tolist()
    leaves: list[list[float]] = []
    for start in range(0, 1000):
        if leaves and abs(values[start] - np.mean(leaves[-1])) < LARGEST_LEAF * 20:
            leaves[-1].append(values[start])
        else:
            leaves.append([values[start]])
    assert len(leaves) >= 1000 / (LARGEST_LEAF * 20)


def test_every_epoch_is_divided_anew_and_the_same_state_gives_the_same() -> None:
    features, _ = gaussian_classes(10, 30)
    generator = seeded(3)
    state = generator.get_state()
    first, second = (neighbourhood_order(features, 8, generator).tolist() for _ in range(2))
    generator.set_state(state)
    assert first != second and neighbourhood_order(features, 8, generator).tolist() == first


def test_the_tree_cuts_where_a_plain_one_does() -> None:
    """One cut, against a projection and a median in NumPy."""
    features = torch.randn(101, 4, generator=seeded(5))
    order = neighbourhood_order(features, 40, seeded(9)).numpy()
    generator = seeded(9)
    first, second = (int(torch.rand(1, generator=generator, dtype=torch.float64).item() * 101) for _ in range(2))
    projected = features.numpy() @ (features[second] - features[first]).numpy()
    low = set(np.argsort(projected)[:51].tolist())
    assert {frozenset(order[:51].tolist()), frozenset(order[51:].tolist())} >= {frozenset(low)} or (
        frozenset(order[50:].tolist()) == frozenset(low)
    )
