"""The graph of all items against dense matrices in float64, and its sparse rows against what they leave out."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.neighbors import NearestNeighbors

from hasher.content_cache import ContentCache
from hasher.database_graph import DatabaseGraph, ItemModes, ItemRows, neighbours
from hasher.filters import build_filter
from hasher.graph import knn_graph, normalised_adjacency
from hasher.training.items import TrainingItems

ORDERS = {"gcn": None, "chebyshev": 4, "lanczos": 6, "spline": 8, "fourier": 12, "none": None}


def blobs(count: int = 90, width: int = 8, classes: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, width)) * 1.5
    return (centres[np.arange(count) % classes] + rng.normal(size=(count, width))).astype(np.float32)


def graph_of(features: np.ndarray, k: int = 6, power: float = 3.0) -> DatabaseGraph:
    return TrainingItems(features).graph(k, power)


def spectrum(graph: DatabaseGraph) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of L, ascending, and eigenvectors, in float64."""
    return np.linalg.eigh(np.eye(graph.adjacency.shape[0]) - graph.adjacency.toarray().astype(np.float64))


def exact(name: str, graph: DatabaseGraph) -> np.ndarray:
    eigenvalues, vectors = spectrum(graph)
    net = build_filter(name, ORDERS[name])  # type: ignore[arg-type]
    response = net.response(torch.from_numpy(eigenvalues)).detach().numpy()
    if name == "fourier":
        response = np.where(np.arange(len(response)) < ORDERS[name], response, 0)
    return vectors @ np.diag(response) @ vectors.T


@pytest.mark.parametrize("power", [0.0, 3.0])
def test_the_graph_is_that_of_one_mini_batch_of_all_items(power: float) -> None:
    features = blobs()
    centred = torch.from_numpy(features - features.mean(axis=0))
    expected = normalised_adjacency(knn_graph(centred, 6, power))
    np.testing.assert_allclose(graph_of(features, power=power).adjacency.toarray(), expected, atol=1e-6)


def test_neighbours_are_scikit_learns() -> None:
    unit = neighbours.unit_vectors(blobs(200), blobs(200).mean(axis=0))
    items, cosines = neighbours.nearest(unit, 7)
    distances, expected = NearestNeighbors(n_neighbors=8, metric="cosine").fit(unit).kneighbors(unit)
    np.testing.assert_array_equal(items, expected[:, 1:])
    np.testing.assert_allclose(cosines, 1 - distances[:, 1:], atol=1e-5)


def test_copies_of_an_item_are_its_neighbours_and_it_is_not() -> None:
    features = np.repeat(blobs(6), 4, axis=0)
    items, _ = neighbours.nearest(neighbours.unit_vectors(features, features.mean(axis=0)), 3)
    assert not (items == np.arange(24)[:, None]).any()
    assert (items // 4 == np.arange(24)[:, None] // 4).all()


def test_beyond_a_size_neighbours_are_approximate_and_nearly_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = neighbours.unit_vectors(blobs(3000, 16, 40), blobs(3000, 16, 40).mean(axis=0))
    expected, _ = neighbours.nearest(unit, 10)
    monkeypatch.setattr(neighbours, "EXACT", 100)
    found, _ = neighbours.nearest(unit, 10)
    again, _ = neighbours.nearest(unit, 10)
    np.testing.assert_array_equal(found, again)
    hits = [len(set(a) & set(b)) for a, b in zip(expected.tolist(), found.tolist(), strict=True)]
    assert np.mean(hits) > 9.5


@pytest.mark.parametrize("name", ORDERS)
def test_responses_are_the_rows_of_the_filter_on_the_whole_graph(name: str) -> None:
    """Of 90 items all are reached, so the rows are whole: H and the cosines of its rows are the dense ones."""
    graph = graph_of(blobs())
    net = build_filter(name, ORDERS[name])  # type: ignore[arg-type]
    arrays = net.database_arrays(graph).on(torch.device("cpu"))
    items = torch.tensor([5, 0, 88, 17, 40, 41])
    responses = net.respond(arrays, items)
    matrix = exact(name, graph)
    tolerance = {"lanczos": 5e-3, "spline": 2e-2}.get(name, 2e-5)  # Krylov steps approach what is no polynomial
    np.testing.assert_allclose(
        responses.within().detach(), matrix[np.ix_(items, items)], atol=tolerance * np.abs(matrix).max()
    )
    rows = matrix[items]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(responses.cosine(), unit @ unit.T, atol=2 * tolerance)


@pytest.mark.parametrize("name", ["chebyshev", "lanczos", "spline", "fourier"])
def test_coefficients_learn_through_the_responses(name: str) -> None:
    graph = graph_of(blobs())
    net = build_filter(name, ORDERS[name])  # type: ignore[arg-type]
    responses = net.respond(net.database_arrays(graph).on(torch.device("cpu")), torch.arange(20))
    responses.within().square().sum().backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    assert gradients and all(g is not None and g.isfinite().all() and g.any() for g in gradients)
    assert not responses.cosine().requires_grad


@pytest.mark.parametrize("name", ["chebyshev", "lanczos", "spline", "gcn"])
def test_rows_that_leave_items_out_are_close_to_whole_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 600 items, 64 are kept of a row: what is left out is the small end of it."""
    features = blobs(600, 8, 12)
    graph = graph_of(features)
    net = build_filter(name, ORDERS[name])  # type: ignore[arg-type]
    matrix = exact(name, graph)
    monkeypatch.setattr("hasher.database_graph.graph.ENTRIES", 64)
    monkeypatch.setattr("hasher.database_graph.graph.SUPPORT", 200)
    short = graph_of(np.concatenate([features[:-1], features[-1:] + 1e-6]))  # another content: nothing is cached
    arrays = net.database_arrays(short).on(torch.device("cpu"))
    items = torch.arange(0, 600, 7)
    responses = net.respond(arrays, items)
    assert isinstance(responses, ItemRows) and responses.columns.shape[1] == 64
    rows = matrix[items]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(responses.cosine().numpy() - unit @ unit.T).mean() < 0.03


def test_the_items_reached_are_those_that_diffusion_reaches_most() -> None:
    features = blobs(300, 8, 6)
    graph = graph_of(features)
    eigenvalues, vectors = spectrum(graph)
    heat = vectors @ np.diag(np.exp(-3 * eigenvalues)) @ vectors.T
    reached = graph.reached()
    assert (reached[:, 0] == np.arange(300)).all()
    for row in range(0, 300, 11):
        found = reached[row][reached[row] >= 0]
        assert len(set(found.tolist())) == len(found)
        best = np.argsort(-heat[row])[: len(found)]
        assert len(set(best.tolist()) & set(found.tolist())) > 0.9 * len(found)


def test_a_part_of_the_graph_that_is_small_is_reached_whole_and_no_further() -> None:
    blocks = scipy.sparse.block_diag([np.full((3, 3), 1 / 3), np.full((200, 200), 1 / 200)])
    graph = DatabaseGraph(scipy.sparse.csr_array(blocks.astype(np.float32)), "blocks", ContentCache(blobs(seed=9)))
    assert set(graph.reached()[1].tolist()) == {0, 1, 2, -1} and (graph.reached()[100] >= 3).all()
    for name in ("chebyshev", "lanczos", "spline"):
        net = build_filter(name, ORDERS[name])  # type: ignore[arg-type]
        responses = net.respond(net.database_arrays(graph).on(torch.device("cpu")), torch.tensor([0, 1, 50]))
        cosine = responses.cosine().numpy()
        assert np.isfinite(cosine).all() and abs(cosine[0, 2]) < 1e-5


def test_the_cosine_of_rows_is_the_same_by_both_ways() -> None:
    """What a GPU does, done on the CPU beside SciPy's product."""
    rng = torch.Generator().manual_seed(0)
    columns = torch.stack([torch.randperm(50, generator=rng)[:8] for _ in range(20)])
    rows = ItemRows(torch.arange(20), columns, torch.randn(20, 8, generator=rng), 50)
    dense = torch.zeros(20, 50).scatter_(1, columns, torch.nn.functional.normalize(rows.values, dim=1))
    torch.testing.assert_close(rows.cosine(), dense @ dense.T, atol=1e-5, rtol=1e-5)


def test_modes_are_the_lowest_frequencies() -> None:
    graph = graph_of(blobs())
    eigenvalues, vectors = graph.lowest_eigenpairs(7)
    expected, expected_vectors = spectrum(graph)
    np.testing.assert_allclose(eigenvalues, expected[:7], atol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(vectors * expected_vectors[:, :7], axis=0)), 1, atol=1e-4)
    assert graph.lowest_eigenpairs(1000)[0].shape == (89,)
    net = build_filter("fourier", 7)
    assert isinstance(net.respond(net.database_arrays(graph).on(torch.device("cpu")), torch.arange(3)), ItemModes)


def test_what_follows_from_the_items_is_kept_and_shared(content_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = blobs(seed=77)
    first = TrainingItems(features).graph(5, 3.0)
    net = build_filter("chebyshev", 3)
    net.database_arrays(first)

    def refuse(*arguments: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("hasher.training.items.nearest", refuse)
    monkeypatch.setattr("hasher.filters.chebyshev.chebyshev_terms", refuse)
    with pytest.raises(AssertionError, match="computed again"):
        TrainingItems(features).graph(6, 3.0)
    again = TrainingItems(features).graph(5, 3.0)
    np.testing.assert_array_equal(again.adjacency.toarray(), first.adjacency.toarray())
    net.database_arrays(again)
