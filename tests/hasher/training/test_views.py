"""Two views of an item: who stands for it, how often, and how much noise is added."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from pydantic import ValidationError
from sklearn.neighbors import NearestNeighbors

from hasher.contract import TrainedConfig
from hasher.methods.neural import NeuralConfig
from hasher.training.items import TrainingItems
from hasher.training.loop import MiniBatch
from hasher.training.signs import sign_straight_through, signs, straight_through
from hasher.training.views import ViewsConfig, nearest_items, second_view
from tests.hasher.hashing import CPU


def batch(features: np.ndarray, config: ViewsConfig, items: torch.Tensor, seed: int = 0) -> MiniBatch:
    everything = torch.from_numpy(features)
    near = nearest_items(TrainingItems(features), config, CPU)
    return MiniBatch(items, everything[items], everything, near, torch.Generator().manual_seed(seed))


def normal(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32)


def test_a_view_is_one_of_the_nearest_each_about_equally_often() -> None:
    """scikit-learn says who they are; every item is drawn 300 times."""
    features = normal(40, 6) + 2
    k = 4
    centred = features - features.mean(axis=0)
    near = NearestNeighbors(n_neighbors=k, metric="cosine").fit(centred).kneighbors(return_distance=False)
    views = second_view(batch(features, ViewsConfig(view_neighbours=k), torch.arange(40).repeat(300)), ViewsConfig())
    drawn = (views[:, None] == torch.from_numpy(features)).all(dim=2).int().argmax(dim=1).reshape(300, 40).numpy()
    counts = np.array([[(drawn[:, item] == one).sum() for one in near[item]] for item in range(40)])
    assert (counts.sum(axis=1) == 300).all()  # no one else was drawn
    assert scipy.stats.chisquare(counts, axis=1).pvalue.min() > 1e-5
    assert scipy.stats.chisquare(counts.sum(axis=0)).pvalue > 1e-3  # nor does the nearest come first


def test_the_same_random_state_gives_the_same_views() -> None:
    config = ViewsConfig(view_neighbours=3, view_noise=0.2)
    features = normal(50, 5)
    first, again, other = (second_view(batch(features, config, torch.arange(50), seed), config) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(("neighbours", "noise"), [(0, 0.3), (0, 2.0), (1, 0.0), (1, 0.3)])
def test_noise_has_the_stated_size(neighbours: int, noise: float) -> None:
    """A share of the length of what it is added to: the item where there are no neighbours, its nearest otherwise."""
    features = normal(200, 400) * np.linspace(0.1, 9, 200, dtype=np.float32)[:, None]
    config = ViewsConfig(view_neighbours=neighbours, view_noise=noise)
    items, without = torch.arange(200), ViewsConfig(view_neighbours=1)
    near = second_view(batch(features, without, items), without)
    clean = near if neighbours else torch.from_numpy(features)
    added = (second_view(batch(features, config, items), config) - clean).norm(dim=1) / clean.norm(dim=1)
    assert added.numpy() == pytest.approx(noise, rel=0.2) and added.mean().item() == pytest.approx(noise, rel=0.01)


def test_views_that_are_always_the_same_are_refused() -> None:
    with pytest.raises(ValidationError, match="both views are the item itself"):
        ViewsConfig(view_neighbours=0)


def test_where_there_are_fewer_neighbours_there_are_views_all_the_same() -> None:
    config = ViewsConfig(view_neighbours=5)
    three = normal(3, 4)
    views = second_view(batch(three, config, torch.arange(3).repeat(100)), config).reshape(100, 3, 4)
    others = {tuple(row) for row in three[1:].tolist()}
    assert {tuple(row) for row in views[:, 0].tolist()} == others
    one = normal(1, 4)
    assert torch.equal(second_view(batch(one, config, torch.arange(1)), config), torch.from_numpy(one))


def test_an_item_stands_for_neighbours_that_were_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The approximate search of large sets says -1 for them."""
    items = TrainingItems(normal(4, 3))
    found = np.array([[1, -1], [-1, -1], [3, 0], [2, 1]], dtype=np.int32)
    monkeypatch.setattr(items, "nearest", lambda k: (found, np.zeros((4, 2), np.float32)))
    near = nearest_items(items, ViewsConfig(view_neighbours=2), CPU)
    assert near is not None and near.tolist() == [[1, 0], [1, 1], [3, 0], [2, 1]]


def test_views_leave_the_defaults_of_what_they_are_mixed_with() -> None:
    class Before(ViewsConfig, NeuralConfig):
        pass

    class After(NeuralConfig, ViewsConfig):
        pass

    for mixed in (Before(), After()):
        assert {**NeuralConfig().model_dump(), **ViewsConfig().model_dump()} == mixed.model_dump()
    assert NeuralConfig().start == "random" != TrainedConfig().start


def test_signs_are_exact_and_their_gradient_is_that_of_the_stand_in() -> None:
    outputs = torch.tensor([-3.0, -1e-9, 0.0, 1e-9, 0.3, 1e9], requires_grad=True)
    assert signs(outputs).tolist() == sign_straight_through(outputs).tolist() == [-1, -1, -1, 1, 1, 1]
    weights = torch.arange(6.0)
    (gradient,) = torch.autograd.grad(sign_straight_through(outputs) @ weights, outputs)
    assert torch.equal(gradient, weights)
    (gradient,) = torch.autograd.grad(straight_through(signs(outputs), outputs.sigmoid()) @ weights, outputs)
    expected = outputs.detach().sigmoid() * (1 - outputs.detach().sigmoid()) * weights
    torch.testing.assert_close(gradient, expected)
    bits = straight_through((outputs > 0).float(), outputs.sigmoid())
    assert bits.tolist() == [0, 0, 0, 1, 1, 1]
