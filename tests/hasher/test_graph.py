"""The mini-batch graph against scikit-learn, NumPy and PyTorch Geometric, and its behaviour under ties and extremes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import kneighbors_graph

from hasher.graph import SAME_EIGENVALUE, Graph, eigh, knn_graph, normalised_adjacency


def features(n: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "k", "power"), [(40, 1, 3.0), (60, 7, 3.0), (60, 7, 0.5), (256, 16, 1.0)])
def test_neighbours_and_weights_are_those_of_scikit_learn(n, k, power, dtype):
    x = features(n, 12, seed=k)
    distances = kneighbors_graph(x.numpy(), k, mode="distance", metric="cosine", include_self=False).tocoo()
    expected = np.zeros((n, n))
    cosine = np.maximum(0, 1 - distances.data)
    nearest = np.zeros(n)
    np.maximum.at(nearest, distances.row, cosine)
    scale = np.sqrt(nearest[distances.row] * nearest[distances.col])
    expected[distances.row, distances.col] = (cosine / scale) ** power
    weights = knn_graph(x.to(dtype), k, power)
    assert weights.dtype == dtype
    np.testing.assert_allclose(weights.numpy(), np.maximum(expected, expected.T), atol=1e-5)


def test_power_zero_is_the_unweighted_graph_whatever_the_sign_of_the_cosine():
    x = features(30, 3)  # few dimensions and many neighbours, so that some of them have a negative cosine
    expected = kneighbors_graph(x.numpy(), 25, metric="cosine", include_self=False).toarray()
    unweighted = knn_graph(x, 25, 0)
    np.testing.assert_array_equal(unweighted.numpy(), np.maximum(expected, expected.T))
    assert (unweighted > 0).sum() > (knn_graph(x, 25, 1) > 0).sum()


@given(
    rows=st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=20),  # ties, duplicates, zero rows
    k=st.integers(1, 8),
    power=st.sampled_from([0.0, 1.0, 3.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    data=st.data(),
)
@settings(deadline=None, max_examples=200)
def test_permuting_the_rows_permutes_the_graph_even_with_ties(rows, k, power, dtype, data):
    x = torch.tensor(rows, dtype=dtype)
    order = torch.tensor(data.draw(st.permutations(range(len(rows)))))
    weights, permuted = knn_graph(x, k, power), knn_graph(x[order], k, power)
    torch.testing.assert_close(permuted, weights[order][:, order], rtol=0, atol=1e-5)
    assert torch.equal(weights, weights.T)
    assert (weights >= 0).all() and (weights.diagonal() == 0).all()
    if power == 0:
        assert (weights.sum(dim=1) >= min(k, len(rows) - 1)).all()


def test_all_ties_with_the_last_neighbour_are_neighbours():
    x = torch.tensor([[1.0, 0], [1, 1], [1, -1], [-1, 0]])  # the first row is equally far from the second and third
    weights = knn_graph(x, 1, 1.0)
    assert weights[0, 1] == pytest.approx(1) and weights[0, 2] == pytest.approx(1)


def test_weights_do_not_depend_on_how_near_the_nearest_are_and_fall_with_the_rest():
    """Two directions that all rows share or lack change every cosine; mutual nearest neighbours stay at weight 1."""
    near, far = features(80, 12), torch.cat([features(80, 12), 3 * features(80, 30, seed=9)], dim=1)
    for x in (near, far):
        unit = torch.nn.functional.normalize(x, dim=1)
        cosine = (unit @ unit.T).fill_diagonal_(-1)
        nearest = cosine.argmax(dim=1)
        mutual = nearest[nearest] == torch.arange(80)
        weights = knn_graph(x, 6, 4.0)
        torch.testing.assert_close(weights[mutual, nearest[mutual]], torch.ones(int(mutual.sum())).double())
        assert mutual.any() and weights.max() <= 1 and weights[weights > 0].min() < 0.6


def test_ties_that_rounding_splits_are_still_ties():
    lengths = torch.tensor([1.0, 0.3, 0.7, 1.1, 3.0, 7.7, 13.0])
    x = torch.cat([features(1, 64, 1, torch.float32), lengths[:, None] * features(1, 64, 2, torch.float32)])
    assert knn_graph(x, 1, 0)[0].sum() == len(lengths)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_more_neighbours_than_rows_link_every_pair(n):
    weights = knn_graph(features(n, 4), 8, 0)
    assert torch.equal(weights, 1 - torch.eye(n, dtype=torch.float64))
    assert normalised_adjacency(weights).isfinite().all()


def test_no_gradient_flows_into_the_graph():
    x = features(10, 4).requires_grad_()
    assert not normalised_adjacency(knn_graph(x, 3, 3.0)).requires_grad


@pytest.mark.parametrize("k", [1, 8, 64])
def test_normalised_adjacency_is_that_of_pytorch_geometric(k):
    from torch_geometric.nn.conv.gcn_conv import gcn_norm  # seconds, which only who runs this shall wait
    from torch_geometric.utils import dense_to_sparse, to_dense_adj

    weights = knn_graph(features(50, 6, dtype=torch.float32), k, 2.0)
    index, values = gcn_norm(*dense_to_sparse(weights), num_nodes=50)
    torch.testing.assert_close(
        normalised_adjacency(weights), to_dense_adj(index, edge_attr=values, max_num_nodes=50)[0]
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0, 1))
@settings(deadline=None, max_examples=100)
def test_laplacian_spectrum_lies_between_0_and_2(seed, n, density):
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((n, n)) * 10 * (rng.random((n, n)) < density), 1)
    adjacency = normalised_adjacency(torch.from_numpy(weights + weights.T)).numpy()
    eigenvalues = np.linalg.eigvalsh(np.eye(n) - adjacency)
    assert eigenvalues.min() == pytest.approx(0, abs=1e-9)
    assert eigenvalues.max() < 2


def test_bipartite_graph_stays_below_2():
    weights = torch.zeros(2, 2, dtype=torch.float64)
    weights[0, 1] = weights[1, 0] = 1e3  # heavy edges: the self loops hardly count
    assert 1.99 < np.linalg.eigvalsh(np.eye(2) - normalised_adjacency(weights).numpy()).max() < 2


def knn_batch(n: int, k: int = 5, seed: int = 0) -> Graph:
    return Graph(normalised_adjacency(knn_graph(features(n, 8, seed, torch.float32), k, 3.0)))


def test_eigenpairs_are_those_of_the_laplacian():
    graph = knn_batch(60)
    eigenvalues, eigenvectors = graph.eigenpairs()
    laplacian = torch.eye(60) - graph.adjacency
    torch.testing.assert_close(eigenvectors.T @ eigenvectors, torch.eye(60), rtol=0, atol=1e-5)
    torch.testing.assert_close(laplacian @ eigenvectors, eigenvectors * eigenvalues, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [1, 4, 32, 59, 60, 100])
@pytest.mark.parametrize("seed", range(3))
def test_lowest_eigenpairs_span_what_numpy_finds(count, seed):
    graph = knn_batch(60, seed=seed)
    expected_values, expected_vectors = np.linalg.eigh(np.eye(60) - graph.adjacency.double().numpy())
    eigenvalues, eigenvectors = graph.lowest_eigenpairs(count)
    kept = min(count, 60)
    assert eigenvalues.dtype == graph.adjacency.dtype
    np.testing.assert_allclose(eigenvalues, expected_values[:kept], atol=1e-6)
    span = expected_vectors[:, :kept]
    np.testing.assert_allclose(eigenvectors @ eigenvectors.T, span @ span.T, atol=1e-5)


def test_lowest_eigenpairs_keep_a_repeated_eigenvalue_whole():
    triangle = torch.ones(3, 3) - torch.eye(3)
    graph = Graph(normalised_adjacency(torch.block_diag(*[triangle] * 5)))  # 0 five times, 1 ten times
    assert len(graph.lowest_eigenpairs(3)[0]) == 5
    assert len(graph.lowest_eigenpairs(5)[0]) == 5
    assert len(graph.lowest_eigenpairs(6)[0]) == 15


def test_an_eigenvalue_just_above_the_tie_is_another():
    blocks = [torch.tensor([[a, 0.0], [0.0, 0.1]], dtype=torch.float64) for a in (0.9, 0.9 - 3 * SAME_EIGENVALUE)]
    assert len(Graph(torch.block_diag(*blocks)).lowest_eigenpairs(1)[0]) == 1


@pytest.mark.parametrize("weights", [torch.zeros(200, 200), torch.ones(200, 200) - torch.eye(200)])
def test_lowest_eigenpairs_of_extreme_graphs(weights):
    graph = Graph(normalised_adjacency(weights))
    eigenvalues, eigenvectors = graph.lowest_eigenpairs(4)
    assert len(eigenvalues) == 200
    torch.testing.assert_close((eigenvectors * (1 - eigenvalues)) @ eigenvectors.T, graph.adjacency, rtol=0, atol=1e-5)


def test_eigendecomposition_of_nan_is_nan():
    broken = torch.eye(3).index_fill(0, torch.tensor([1]), torch.nan)
    assert all(part.isnan().all() for part in eigh(broken))
    assert all(part.isnan().all() for part in Graph(broken).lowest_eigenpairs(1))
    assert all(torch.equal(*pair) for pair in zip(eigh(torch.eye(3)), torch.linalg.eigh(torch.eye(3)), strict=True))
