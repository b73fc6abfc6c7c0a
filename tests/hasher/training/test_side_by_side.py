"""Trainings side by side, against the same ones by themselves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hasher.contract import EpochResult, epochs_left
from hasher.graph import Graph, eigh, knn_graph, normalised_adjacency
from hasher.training.loop import GradientTraining
from hasher.training.side_by_side import LARGEST_BATCH_ON_CPU, MOST_WEIGHTS_ON_CPU, SideBySide, pays, train_all
from tests.hasher.hashing import FILTER_NAMES, begin

SEEDS = (3, 4, 5)
#: Of a loss and of a weight after four epochs; rounding alone.
TOLERANCE = 1e-5
SMALL = {"ae_width": 24, "knn_size": 5}
#: Everything that is done in another way for several at once.
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, SMALL if name != "none" else {"ae_width": 24}) for name in FILTER_NAMES),
    ("spline", {**SMALL, "edges": "features_and_codes"}),
    ("gcn", {**SMALL, "similarity_loss": "squared_error", "batches": "random", "start": "random", "averaging": 0}),
    ("gcn", {**SMALL, "lambda_rec": 0, "schedule": "constant"}),
    ("none", {"ae_width": 24, "graph": "database"}),
    ("greedyhash", {"pairs": "all"}),
    ("bi_half", {"batches": "neighbourhood"}),
]


def features(count: int = 150, width: int = 10) -> np.ndarray:
    """Three blobs; mini-batches of 64 are of 50 each, those of 151 items of 51 and 50."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(3, width))[np.arange(count) % 3] * 2 + rng.normal(size=(count, width))).astype(np.float32)


def trainings(name: str, *, count: int = 151, **values: Any) -> list[GradientTraining]:
    given = {"bits": 12, "batch_size": 64, "epochs": 4, **values}
    return [begin(name, features(count), seed, **given) for seed in SEEDS]


def entries(state: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Tensors and numbers of a state, by where they are in it."""
    if isinstance(state, dict | list):
        for key, value in state.items() if isinstance(state, dict) else enumerate(state):
            yield from entries(value, f"{name}/{key}")
    else:
        yield name, state


def assert_same(some: list[GradientTraining], others: list[GradientTraining]) -> None:
    """In every tensor of their checkpoints to the tolerance, in every counter and random state exactly."""
    for one, other in zip(some, others, strict=True):
        expected, found = (dict(entries(each.state_dict())) for each in (one, other))
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            if isinstance(value, Tensor):
                torch.testing.assert_close(
                    found[key], value, rtol=0, atol=TOLERANCE, msg=lambda text, key=key: key + text
                )
            else:
                assert found[key] == value, key


def assert_same_losses(some: list[EpochResult], others: list[EpochResult]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.epoch == other.epoch
        assert other.losses == pytest.approx(dict(one.losses), abs=TOLERANCE, nan_ok=True)


@pytest.mark.filterwarnings("error:There is a performance drop")  # one training after the other, in PyTorch
@pytest.mark.parametrize(("name", "values"), CASES)
def test_each_is_what_it_would_be_by_itself(name: str, values: dict[str, Any]) -> None:
    """Losses of every epoch, and the whole checkpoint, which the three have different ones of."""
    alone, together = trainings(name, **values), trainings(name, **values)
    group = SideBySide(together)
    for _ in range(4):
        assert_same_losses([each.run_epoch() for each in alone], group.run_epoch())
    assert_same(alone, together)
    weights = [torch.cat([each.flatten() for each in one.encoder.parameters()]) for one in together]
    assert min((weights[0] - other).abs().max() for other in weights[1:]) > 100 * TOLERANCE


def test_one_can_leave_and_go_on_from_its_checkpoint_and_others_may_come_from_theirs() -> None:
    alone, begun = trainings("chebyshev", **SMALL), trainings("chebyshev", **SMALL)
    for each in alone:
        list(epochs_left(each))
    group = SideBySide(begun)
    group.run_epoch(), group.run_epoch()
    again = trainings("chebyshev", **SMALL)
    for before, after in zip(begun, again, strict=True):
        file = io.BytesIO()
        torch.save(before.state_dict(), file)
        file.seek(0)
        after.load_state_dict(torch.load(file, weights_only=True))
    leaving, staying = again[0], SideBySide(again[1:])
    list(epochs_left(leaving))
    staying.run_epoch(), staying.run_epoch()
    assert_same(alone, again)


def test_one_that_diverges_ends_and_leaves_the_others_as_they_are() -> None:
    """Its codes weight its graph, so its eigenvectors are NaN, and those of the others are found without it."""
    values = {**SMALL, "edges": "features_and_codes"}
    alone, together = trainings("spline", **values), trainings("spline", **values)
    with torch.no_grad():
        together[1].model.encoder.to_bits.weight.fill_(torch.nan)
    assert pays(together)
    results = train_all(together)
    assert [len(each) for each in results] == [4, 1, 4]
    assert results[1][0].diverged and together[1].epoch == 1
    for place in (0, 2):
        assert_same_losses(list(epochs_left(alone[place])), results[place])
    assert_same(alone[::2], together[::2])


@pytest.mark.parametrize(("name", "values"), [("gcn", SMALL), ("gcn", {**SMALL, "input_noise": 0.1}), ("cibhash", {})])
def test_all_are_trained_whether_it_pays_or_not(name: str, values: dict[str, Any]) -> None:
    alone, together = trainings(name, **values), trainings(name, **values)
    results = train_all(together)
    for one, found in zip(alone, results, strict=True):
        assert_same_losses(list(epochs_left(one)), found)
    assert_same(alone, together)
    assert train_all(together) == [[], [], []]


def test_it_pays_on_a_cpu_for_small_models_and_mini_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    given = trainings("gcn", **SMALL)
    weights = sum(each.numel() for each in given[0].model.parameters())
    for most, expected in ((MOST_WEIGHTS_ON_CPU, True), (weights, True), (weights - 1, False)):
        monkeypatch.setattr("hasher.training.side_by_side.MOST_WEIGHTS_ON_CPU", most)
        assert pays(given) == expected
    monkeypatch.undo()
    assert not pays(trainings("gcn", **SMALL, batch_size=LARGEST_BATCH_ON_CPU + 1))
    assert not pays(given[:1]) and not pays([])


def test_only_trainings_that_differ_in_the_seed_alone_can_be_run() -> None:
    def training(name: str = "gcn", count: int = 40, **values: Any) -> GradientTraining:
        return begin(name, features(count), **{"bits": 4, "ae_width": 4, "knn_size": 3, "epochs": 2, **values})

    first, ahead = training(), training()
    ahead.run_epoch()
    for other in (training(alpha=2.0), training(count=41), training("chebyshev"), ahead):
        assert not pays([first, other])
        with pytest.raises(ValueError, match="different configurations or items, or at different epochs"):
            SideBySide([first, other])
    for values in ({"graph": "database"}, {"input_noise": 0.1}):
        alike = [training(**values, seed=seed) for seed in SEEDS]
        assert not pays(alike)
        with pytest.raises(ValueError, match="is_stackable"):
            SideBySide(alike)


def test_several_graphs_have_the_neighbours_and_eigenpairs_that_each_has() -> None:
    """The second consists of equal pairs: its eigenvalues coincide, and more than one vector comes with the last."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 24, 4)).astype(np.float32)
    rows[1] = np.kron(np.eye(12, 4) + 10 * np.eye(12, 4, -4) + 20 * np.eye(12, 4, -8), np.ones((2, 1)))
    rows[2, :8] = 0
    several = torch.from_numpy(rows)
    weights = torch.vmap(lambda each: knn_graph(each, 3, 2.0))(several)
    adjacency = torch.vmap(normalised_adjacency)(weights)
    low, vectors = torch.vmap(lambda each: Graph(each).lowest_eigenpairs(3))(adjacency)
    values, _ = torch.vmap(eigh)(adjacency)
    counts = set()
    for place, each in enumerate(several):
        torch.testing.assert_close(weights[place], knn_graph(each, 3, 2.0))
        own = normalised_adjacency(knn_graph(each, 3, 2.0))
        expected, found = Graph(own).lowest_eigenpairs(3)
        counts.add(len(expected))
        torch.testing.assert_close(vectors[place] @ vectors[place].T, found @ found.T, rtol=0, atol=1e-5)
        torch.testing.assert_close(low[place, : len(expected)], expected)
        assert not vectors[place][:, len(expected) :].any()
        torch.testing.assert_close(values[place].double(), torch.linalg.eigvalsh(own.double()), rtol=0, atol=1e-5)
    assert len(counts) > 1
