"""Every graph filter against its float64 eigendecomposition and PyTorch Geometric, on ordinary and extreme graphs."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.special import ive

from hasher.errors import UserError
from hasher.filters import GraphFilter, build_filter
from hasher.filters.bspline import bspline_basis, bspline_knots, bspline_sites
from hasher.filters.fourier import FourierFilter
from hasher.filters.lanczos import LanczosFilter
from hasher.graph import SAME_EIGENVALUE, Graph, knn_graph, normalised_adjacency
from tests.hasher.hashing import FILTER_NAMES, ORDERS, SMALLEST_ORDERS

SEARCHED = {"chebyshev": range(1, 9), "lanczos": range(2, 9), "spline": range(4, 13), "fourier": [4, 5, 8, 13, 16, 32]}
EXACT = [("none", None), ("gcn", None)] + [(n, k) for n, orders in SEARCHED.items() if n != "lanczos" for k in orders]
DEFAULTS = [(name, ORDERS.get(name)) for name in FILTER_NAMES]
PARAMETRIC = list(ORDERS.items())


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batch_of(features: torch.Tensor, k: int = 6, power: float = 3.0) -> Graph:
    return Graph(normalised_adjacency(knn_graph(features, k, power)))


def clusters(n: int, apart: int, seed: int = 0) -> torch.Tensor:
    """Rows in `apart` orthogonal subspaces: at least as many components of the graph."""
    x = torch.zeros(n, 6 * apart)
    for i, row in enumerate(normal(n, 6, seed=seed)):
        start = 6 * (i % apart)
        x[i, start : start + 6] = row
    return x


@cache
def graphs() -> dict[str, Graph]:
    """Ordinary and extreme graphs of float32 features; none is changed by a test."""
    repeated = normal(20, 10, seed=3).repeat_interleave(4, dim=0)
    return {
        "ordinary": batch_of(normal(120, 10)),
        "dense": batch_of(normal(50, 10, seed=1), k=40, power=0),
        "disconnected": batch_of(clusters(90, 5)),
        "duplicates": batch_of(torch.cat([repeated, normal(20, 10, seed=4)])),
        "disconnected duplicates": batch_of(torch.cat([clusters(45, 3), clusters(45, 3)])),
        "identical rows": batch_of(torch.ones(40, 10)),
        "complete": batch_of(normal(30, 10, seed=5), k=29, power=0),
        "no edges": Graph(torch.eye(40)),
        "zero rows": batch_of(torch.cat([torch.zeros(10, 8), normal(30, 8, seed=6)])),
        "three rows": batch_of(normal(3, 10, seed=7)),
        "one row": batch_of(normal(1, 10, seed=8)),
    }


ALL_GRAPHS = pytest.mark.parametrize("graph_name", list(graphs()))


def learned(name: str, order: int | None) -> GraphFilter:
    """A filter with coefficients far from the initial ones, and none of them small."""
    built = build_filter(name, order)
    with torch.no_grad():
        for i, values in enumerate(built.state_dict().values()):
            values.copy_(1 + 0.5 * normal(*values.shape, seed=i))
    return built


def oracle(graph_filter: GraphFilter, graph: Graph) -> torch.Tensor:
    """U diag(h(λ)) Uᵀ in float64, by NumPy; h from the filter, with the cut of `fourier` made here."""
    eigenvalues, eigenvectors = np.linalg.eigh(np.eye(len(graph.adjacency)) - graph.adjacency.double().numpy())
    with torch.no_grad():
        response = copy.deepcopy(graph_filter).double().response(torch.from_numpy(eigenvalues)).numpy()
    if isinstance(graph_filter, FourierFilter):
        last = eigenvalues[min(graph_filter.modes, len(eigenvalues)) - 1]
        response = response * (eigenvalues <= last + SAME_EIGENVALUE)
    return torch.from_numpy(eigenvectors * response @ eigenvectors.T)


def assert_is(graph_filter: GraphFilter, graph: Graph, expected: torch.Tensor, tolerance: float = 1e-4) -> None:
    """All three ways to use a filter agree with the matrix `expected`, float64."""
    signals = normal(len(expected), 7, seed=9)
    filtered = expected @ signals.double()
    both = graph_filter.apply_and_matrix(graph, signals)
    for found in (graph_filter.matrix(graph), both[1]):
        assert found.dtype == torch.float32 and not found.requires_grad
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance)
    for found in (graph_filter(graph, signals), both[0]):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), filtered, rtol=tolerance, atol=tolerance)


@ALL_GRAPHS
@pytest.mark.parametrize(("name", "order"), EXACT)
def test_filter_is_its_eigendecomposition(name, order, graph_name):
    graph, graph_filter = graphs()[graph_name], learned(name, order)
    assert_is(graph_filter, graph, oracle(graph_filter, graph))


@pytest.mark.parametrize("steps", [1, *SEARCHED["lanczos"]])
def test_lanczos_is_exact_once_the_krylov_spaces_are_exhausted(steps):
    # Components of `steps` items: Krylov spaces of at most that dimension.
    weights = [knn_graph(normal(steps, 5, seed=i), 2, 1.0) for i in range(12)]
    graph, lanczos = Graph(normalised_adjacency(torch.block_diag(*weights))), learned("lanczos", steps)
    assert_is(lanczos, graph, oracle(lanczos, graph))


@pytest.mark.parametrize("graph_name", ["identical rows", "no edges", "three rows", "one row"])
@pytest.mark.parametrize("steps", [3, 8])
def test_lanczos_is_exact_where_it_breaks_down(steps, graph_name):
    graph, lanczos = graphs()[graph_name], learned("lanczos", steps)
    assert_is(lanczos, graph, oracle(lanczos, graph))


@ALL_GRAPHS
@pytest.mark.parametrize("steps", [1, *SEARCHED["lanczos"]])
def test_lanczos_is_exact_for_polynomials_of_lower_degree(steps, graph_name):
    class Polynomial(LanczosFilter):
        def response(self, eigenvalues):
            coefficients = normal(steps, seed=steps).to(eigenvalues)
            return sum(c * (eigenvalues - 1) ** i for i, c in enumerate(coefficients))

    graph, lanczos = graphs()[graph_name], Polynomial(steps)
    assert_is(lanczos, graph, oracle(lanczos, graph))


def set_time(lanczos: LanczosFilter, time: float) -> None:
    lanczos.log_time.initial.fill_(np.log(time))


@ALL_GRAPHS
@pytest.mark.parametrize("time", [0.5, 3.0, 8.0])
@pytest.mark.parametrize("steps", SEARCHED["lanczos"])
def test_lanczos_error_is_within_the_bound_of_the_best_polynomial(steps, time, graph_name):
    """‖(H - h(L)) e_i‖ <= 2 min_p max_λ |h - p|, and a truncated Chebyshev series is one such p."""
    lanczos = build_filter("lanczos", steps)
    set_time(lanczos, time)
    tail = 2 * ive(np.arange(steps, 200), time).sum()
    error = (lanczos.matrix(graphs()[graph_name]).double() - oracle(lanczos, graphs()[graph_name])).abs().max()
    assert error <= 2 * tail + 1e-5


def test_lanczos_accuracy_on_a_heat_kernel():
    graph, errors = batch_of(normal(256, 64)), {}
    for steps in (4, 6):
        lanczos = build_filter("lanczos", steps)
        set_time(lanczos, 3.0)
        errors[steps] = (lanczos.matrix(graph).double() - oracle(lanczos, graph)).abs().max().item()
    assert errors[4] < 2e-3 and errors[6] < 1e-4


@ALL_GRAPHS
@pytest.mark.parametrize(("name", "order"), DEFAULTS)
def test_matrix_is_symmetric(name, order, graph_name):
    matrix = learned(name, order).matrix(graphs()[graph_name])
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["ordinary", "disconnected", "duplicates", "tied"])
@pytest.mark.parametrize(("name", "order"), DEFAULTS)
def test_permuting_the_batch_permutes_the_output(name, order, kind):
    features = {
        "ordinary": normal(256, 32),
        "disconnected": clusters(100, 5),
        "duplicates": normal(40, 10).repeat(3, 1),
        "tied": normal(90, 3).round(),
    }[kind]
    n = len(features)
    perm = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    signals, graph_filter = normal(n, 5), learned(name, order)
    filtered, matrix = graph_filter.apply_and_matrix(batch_of(features), signals)
    permuted, permuted_matrix = graph_filter.apply_and_matrix(batch_of(features[perm]), signals[perm])
    torch.testing.assert_close(permuted, filtered[perm], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(permuted_matrix, matrix[perm][:, perm], rtol=0, atol=1e-4)


def loss(graph_filter: GraphFilter, graph: Graph, signals: torch.Tensor, together: bool) -> torch.Tensor:
    filtered = graph_filter.apply_and_matrix(graph, signals)[0] if together else graph_filter(graph, signals)
    return (filtered - normal(*signals.shape, seed=11).to(signals)).square().sum()


def gradients(graph_filter: GraphFilter, graph: Graph, signals: torch.Tensor, together: bool) -> list[torch.Tensor]:
    """Gradients of `loss` with respect to the signals and the filter's parameters."""
    signals = signals.clone().requires_grad_()
    return list(
        torch.autograd.grad(loss(graph_filter, graph, signals, together), [signals, *graph_filter.parameters()])
    )


TOGETHER = pytest.mark.parametrize("together", [True, False])
LARGEST = [(name, max(orders)) for name, orders in SEARCHED.items()]


@TOGETHER
@ALL_GRAPHS
@pytest.mark.parametrize(("name", "order"), DEFAULTS + LARGEST)
def test_gradients_are_finite(name, order, graph_name, together):
    graph = graphs()[graph_name]
    signals = normal(len(graph.adjacency), 6)
    signals[:, 2] = 0
    found = gradients(learned(name, order), graph, signals, together)
    assert all(gradient.isfinite().all() for gradient in found)


@TOGETHER
@pytest.mark.parametrize("graph_name", ["ordinary", "disconnected duplicates", "identical rows", "three rows"])
@pytest.mark.parametrize(("name", "order"), DEFAULTS + LARGEST)
def test_gradients_are_finite_differences(name, order, graph_name, together):
    graph, graph_filter = Graph(graphs()[graph_name].adjacency.double()), learned(name, order).double()
    signals, direction = (normal(len(graph.adjacency), 3, seed=i).double() for i in (1, 2))
    by_signals, *by_parameters = gradients(graph_filter, graph, signals, together)

    def slope(move) -> float:
        with torch.no_grad():
            ahead, behind = (move(step) for step in (1e-5, -1e-5))
        return (ahead - behind).item() / 2e-5

    along = slope(lambda step: loss(graph_filter, graph, signals + step * direction, together))
    assert along == pytest.approx((by_signals * direction).sum().item(), rel=1e-5)
    for parameter, gradient in zip(graph_filter.parameters(), by_parameters, strict=True):
        for entry, expected in zip(parameter.data.view(-1), gradient.view(-1), strict=True):

            def move(step: float, entry=entry) -> torch.Tensor:
                entry += step
                moved = loss(graph_filter, graph, signals, together)
                entry -= step
                return moved

            assert slope(move) == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("name", "order"), PARAMETRIC)
def test_coefficients_learn_a_response(name, order):
    """A few steps of Adam bring the filter nearer to another filter of its kind."""
    graph, signals = graphs()["ordinary"], normal(120, 8)
    student, target = build_filter(name, order), learned(name, order)(graph, signals).detach()
    optimiser, losses = torch.optim.Adam(student.parameters(), lr=0.2), []
    for _ in range(60):
        error = (student(graph, signals) - target).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        losses.append(error.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize(("name", "order"), PARAMETRIC + LARGEST + list(SMALLEST_ORDERS.items()))
def test_response_starts_low_pass(name, order):
    response = build_filter(name, order).response(torch.linspace(0, 2, 201)).detach()
    assert response[0] > 0.5 and response.abs().argmax() == 0
    response = response / response[0]
    below = int((response < 0.05).nonzero()[0])
    assert below < 160 and (response[: below + 1].diff() < 0).all()
    assert response[below:].abs().max() <= 0.3  # the ripple of a kernel cut off at a low degree


@pytest.mark.parametrize(("name", "order"), DEFAULTS)
def test_response_takes_any_shape_and_precision(name, order):
    eigenvalues = torch.linspace(0, 2, 12, dtype=torch.float64)
    graph_filter = learned(name, order)
    response = graph_filter.response(eigenvalues.view(3, 4))
    assert response.shape == (3, 4) and response.dtype == torch.float64
    assert torch.equal(response.flatten(), graph_filter.response(eigenvalues))


@pytest.mark.parametrize(("name", "order"), DEFAULTS + LARGEST)
def test_adjacency_that_is_not_finite_gives_nan_and_no_exception(name, order):
    graph = Graph(torch.full((20, 20), torch.nan))
    filtered, matrix = build_filter(name, order).apply_and_matrix(graph, normal(20, 3))
    if name != "none":
        assert filtered.isnan().all() and matrix.isnan().all()


@pytest.mark.parametrize("degree", SEARCHED["chebyshev"])
def test_chebyshev_is_that_of_pytorch_geometric(degree):
    """Their Laplacian has no self loops, so Â is normalised without them here."""
    from torch_geometric.nn import ChebConv  # seconds, which only who runs this shall wait
    from torch_geometric.utils import dense_to_sparse

    weights, signals = knn_graph(normal(60, 10), 6, 3.0), normal(60, 7)
    scale = weights.sum(dim=1).rsqrt()
    ours = learned("chebyshev", degree)
    theirs = ChebConv(7, 7, degree + 1, normalization="sym", bias=False)
    with torch.no_grad():
        for linear, coefficient in zip(theirs.lins, ours.coefficients(), strict=True):
            linear.weight.copy_(coefficient * torch.eye(7))
    index, values = dense_to_sparse(weights)
    expected = theirs(signals, index, values, lambda_max=2.0)
    for found in (ours(graph := Graph(scale[:, None] * weights * scale), signals), ours.matrix(graph) @ signals):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_gcn_is_that_of_pytorch_geometric():
    from torch_geometric.nn import GCNConv  # seconds, which only who runs this shall wait
    from torch_geometric.utils import dense_to_sparse

    weights, signals = knn_graph(normal(60, 10), 6, 3.0), normal(60, 7)
    theirs = GCNConv(7, 7, bias=False)
    with torch.no_grad():
        theirs.lin.weight.copy_(torch.eye(7))
    found = build_filter("gcn")(Graph(normalised_adjacency(weights)), signals)
    torch.testing.assert_close(found, theirs(signals, *dense_to_sparse(weights)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", SEARCHED["spline"])
def test_spline_basis_is_that_of_scipy(count):
    points = torch.linspace(0, 2, 301, dtype=torch.float64)  # both ends and, for some counts, the knots
    expected = BSpline.design_matrix(points.numpy(), bspline_knots(count).numpy(), 3).toarray()
    np.testing.assert_allclose(bspline_basis(points, count), expected, atol=1e-12)


@pytest.mark.parametrize("count", SEARCHED["spline"])
def test_spline_basis_takes_points_beyond_the_ends_as_the_ends(count):
    basis = bspline_basis(torch.tensor([-1e-6, 0.0, 2.0, 2 + 1e-6]), count)
    expected = torch.eye(count)[[0, 0, -1, -1]]
    torch.testing.assert_close(basis, expected)


@pytest.mark.parametrize("count", SEARCHED["spline"])
def test_spline_with_coefficients_at_its_sites_reproduces_a_line(count):
    points = torch.linspace(0, 2, 50, dtype=torch.float64)
    torch.testing.assert_close(bspline_basis(points, count) @ bspline_sites(count), points)


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_build_filter_checks_the_order(name):
    if name in ORDERS:
        signals, graph = normal(120, 4), graphs()["ordinary"]
        assert torch.equal(build_filter(name)(graph, signals), build_filter(name, ORDERS[name])(graph, signals))
        with pytest.raises(UserError, match=rf"^filter_order: {name} needs at least {SMALLEST_ORDERS[name]}, not 0$"):
            build_filter(name, 0)
    else:
        with pytest.raises(UserError, match=f"^filter_order: {name} has no order"):
            build_filter(name, 3)


def test_build_filter_names_the_filters_there_are():
    with pytest.raises(UserError, match=r"^filter: no 'wavelet', choose one of spline, lanczos, "):
        build_filter("wavelet")
