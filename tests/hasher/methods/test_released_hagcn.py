"""HAGCN as released: every formula written out in NumPy (float64), and what training and codes owe to it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from scipy.special import erf, expit

from hasher.contract import epochs_left
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.methods.registry import find_method, resolve
from hasher.methods.released.config import ReleasedConfig
from hasher.methods.released.filters import build_filter, propagation
from hasher.methods.released.method import RELEASED_METHODS
from hasher.methods.released.model import ReleasedHAGCN
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from hasher.training.loop import GradientTraining, MiniBatch
from tests.hasher.hashing import codes_of

CPU = torch.device("cpu")
NAMES = tuple(method.name for method in RELEASED_METHODS)
FILTERS = tuple(name.removeprefix("released_") for name in NAMES)
Array = np.ndarray[Any, np.dtype[Any]]


def blobs(count: int = 150, width: int = 10, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(3, width))[np.arange(count) % 3] * 2 + rng.normal(size=(count, width))).astype(np.float32)


def start(name: str, features: Array, seed: int = 0, **values: Any) -> GradientTraining:
    method = find_method(f"released_{name}")
    wanted = {"bits": 12, "filter_order": 5, "batch_size": 64, "epochs": 4, "learning_rate": 0.002, **values}
    training = method.start(method.parse(wanted, "test"), features, seed, CPU)
    assert isinstance(training, GradientTraining)
    return training


def gelu(x: Array) -> Array:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def linear(x: Array, weights: dict[str, Array], layer: str) -> Array:
    return x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]


def filtered(name: str, p: Array, z1: Array, order: int, weights: dict[str, Array], seed: int) -> Array:
    """What the filter makes of P and Z1, by eigendecompositions and QR in the place of recursions."""
    n = len(p)
    eigenvalues, vectors = np.linalg.eigh(p)
    if name == "gcn":
        mixed = linear(p @ z1, weights, "filter.mixing")
        return (mixed - mixed.mean(1, keepdims=True)) / np.sqrt(mixed.var(1, keepdims=True) + 1e-5)
    if name == "chebyshev":
        angles = np.arccos(np.clip(eigenvalues, -1, 1))
        return vectors * np.cos(np.outer(np.arange(order + 1), angles)).sum(0) @ vectors.T @ z1
    if name == "lanczos":
        begin = torch.randn(n, generator=torch.Generator().manual_seed(seed)).double().numpy()
        krylov = np.stack([np.linalg.matrix_power(p, power) @ begin for power in range(order + 1)], axis=1)
        basis, triangle = np.linalg.qr(krylov)
        basis *= np.sign(np.diag(triangle))
        projected = basis.T @ p @ basis
        right = np.append(np.diag(projected, 1), np.linalg.norm((p @ basis - basis @ projected)[:, -1]))
        wrong = np.diag(np.diag(projected)[:order]) + np.diag(right[1:order], 1) + np.diag(right[1:order], -1)
        return basis[:, :order] @ wrong @ basis[:, :order].T @ z1
    count = min(order, n)
    lowest, u = eigenvalues[:count], vectors[:, :count]
    u = u * np.sign((u * torch.linalg.eigh(torch.from_numpy(p))[1].numpy()[:, :count]).sum(0))  # signs are arbitrary
    mixing, bias = weights["filter.mixing.weight"][:count, :count], weights["filter.mixing.bias"][:count]
    y = u
    if name == "spline":
        inner = np.linspace(lowest[0], lowest[-1], count - 2)
        knots = np.concatenate([[lowest[0]] * 3, inner, [lowest[-1]] * 3])
        y = u @ BSpline.design_matrix(lowest, knots, 3).toarray()
    return (y @ mixing.T + bias) @ u.T @ z1


@pytest.mark.parametrize("width", [0, 33])
@pytest.mark.parametrize(
    ("name", "order"),
    [("gcn", 1), ("chebyshev", 1), ("chebyshev", 2), ("chebyshev", 18), ("lanczos", 1), ("lanczos", 4),
     ("spline", 4), ("spline", 9), ("spline", 60), ("fourier", 1), ("fourier", 18), ("fourier", 60)],
)  # fmt: skip
def test_forward_pass_and_loss_are_the_formulas(name: str, order: int, width: int) -> None:
    """Also where a mini-batch has fewer items (30) than the order says."""
    x = 3 * blobs(30, 40).astype(np.float64)
    torch.manual_seed(1)
    config = ReleasedConfig(filter=name, filter_order=order, ae_width=width, bits=12, lambda_hash=0.03)  # type: ignore[arg-type]
    net = ReleasedHAGCN(config, torch.ones(40)).double()
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    rows = torch.from_numpy(x)
    losses = net.losses(MiniBatch(torch.arange(30), rows, rows, None, torch.Generator().manual_seed(8)))
    forward = net(rows, torch.Generator().manual_seed(8))

    z1 = gelu(linear(x, weights, "to_continuous"))
    adjacency = np.ones((30, 30)) + z1 @ z1.T / 30
    root = np.diag(adjacency.sum(axis=1) ** -0.5)
    hidden = filtered(name, root @ adjacency @ root, z1, order, weights, seed=8)
    hidden = gelu(linear(gelu(linear(hidden, weights, "decoder.0")), weights, "decoder.2"))
    rebuilt = linear(hidden, weights, "decoder.4")
    codes = 2 * expit(linear(x, weights, "encoder.to_bits")) - 1
    reconstruction = np.mean((rebuilt - x) ** 2)
    hashing = np.mean((codes @ codes.T - 12 * (z1 @ z1.T) / 30) ** 2)
    np.testing.assert_allclose(forward.reconstruction.detach(), rebuilt, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(forward.relaxed_codes.detach(), codes, atol=1e-12)
    assert losses["loss_rec"].item() == pytest.approx(reconstruction, rel=1e-6)
    assert losses["loss_hash"].item() == pytest.approx(hashing, rel=1e-10)
    assert losses["loss"].item() == pytest.approx(reconstruction + 0.03 * hashing, rel=1e-6)


@pytest.mark.parametrize("name", ["gcn", "chebyshev", "fourier"])  # of the others parts are constants, as released
def test_gradients_pass_through_the_graph(name: str) -> None:
    """Against finite differences."""
    torch.manual_seed(2)
    graph_filter = build_filter(name, 3, 5).double()  # type: ignore[arg-type]

    def of_continuous(z1: torch.Tensor) -> torch.Tensor:
        return graph_filter(propagation(z1 @ z1.T / len(z1)), z1, torch.Generator())

    assert torch.autograd.gradcheck(of_continuous, (2 * torch.rand(6, 5).double().requires_grad_(),))


def test_splines_are_differentiated_at_the_eigenvalues_between() -> None:
    """Which move no knot: against the derivatives that scipy has of its splines."""
    torch.manual_seed(3)
    graph_filter: Any = build_filter("spline", 6, 5).double()
    at = np.array([-0.3, -0.1, 0.05, 0.2, 0.33, 0.6])
    probe = np.random.default_rng(0).normal(size=(6, 6))
    points = torch.from_numpy(at).requires_grad_()
    total = (torch.from_numpy(probe) * graph_filter.synthesis(points, torch.eye(6).double())).sum()
    (gradient,) = torch.autograd.grad(total, points)
    knots = np.concatenate([[at[0]] * 3, np.linspace(at[0], at[-1], 4), [at[-1]] * 3])
    slopes = (probe * BSpline(knots, np.eye(6), 3).derivative()(at)).sum(axis=1)
    np.testing.assert_allclose(gradient[1:-1], slopes[1:-1], rtol=1e-10)
    assert gradient.isfinite().all() and gradient[[0, -1]].all()


@pytest.mark.parametrize("name", FILTERS)
def test_the_hash_branch_never_meets_the_graph(name: str) -> None:
    """Whatever is reconstructed, and by whichever filter, moves no code: only the hash loss does."""
    training = start(name, blobs(), lambda_hash=0.0)
    before = training.encoder(torch.from_numpy(blobs()))
    list(epochs_left(training))
    torch.testing.assert_close(training.encoder(torch.from_numpy(blobs())), before, rtol=0, atol=0)
    assert (start(name, blobs()).encoder(torch.from_numpy(blobs())) == before).all()


@pytest.mark.parametrize("name", FILTERS)
def test_training_lowers_both_losses(name: str) -> None:
    results = list(epochs_left(start(name, blobs(), epochs=25, lambda_hash=0.1)))
    first, last = results[0].losses, results[-1].losses
    assert set(first) == {"loss", "loss_rec", "loss_hash"} and not results[-1].diverged
    assert last["loss_rec"] < 0.95 * first["loss_rec"] and last["loss_hash"] < 0.5 * first["loss_hash"]


def test_codes_are_those_of_the_raw_embedding() -> None:
    """σ(x W2) ≥ ½ as released: a shift that is the same for all items changes codes, since nothing is centred."""
    training = start("gcn", blobs())
    weight, bias = (value.detach().double().numpy() for value in training.model.encoder.to_bits.parameters())
    for x in (blobs(), blobs() + 5, 7 * blobs()):
        np.testing.assert_array_equal(encode(training.encoder, x), expit(x.astype(np.float64) @ weight.T + bias) >= 0.5)


@pytest.mark.parametrize("bits", [4, 10])
def test_it_can_start_at_itq(bits: int) -> None:
    features = blobs() + 3
    training = start("fourier", features, seed=4, start="itq", bits=bits)
    (expected,) = codes_of("itq", features, features, bits=bits, seed=4)
    np.testing.assert_array_equal(encode(training.encoder, features), expected)
    outputs = training.encoder(torch.from_numpy(features))
    assert outputs.square().mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", FILTERS)
def test_the_seed_decides_and_a_saved_state_continues_exactly(name: str) -> None:
    """Also Lanczos' start vectors."""
    whole = start(name, blobs(), seed=3)
    expected = [result.losses["loss"] for result in epochs_left(whole)]
    broken = start(name, blobs(), seed=3)
    losses = [broken.run_epoch().losses["loss"], broken.run_epoch().losses["loss"]]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = start(name, blobs(), seed=99)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert losses + [result.losses["loss"] for result in epochs_left(resumed)] == expected
    assert start(name, blobs(), seed=4).run_epoch().losses["loss"] != expected[0]


@pytest.mark.parametrize("name", FILTERS)
def test_what_cannot_be_decomposed_diverges(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results = list(epochs_left(start(name, blobs(), learning_rate=1e25, epochs=9)))
    assert results[-1].diverged and len(results) < 9

    def fails(matrix: torch.Tensor) -> None:
        raise torch.linalg.LinAlgError("no convergence")

    monkeypatch.setattr(torch.linalg, "eigh", fails)
    (result, *_) = epochs_left(start(name, blobs()))
    assert result.diverged == (name in ("spline", "fourier"))


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=8, deadline=None)
@given(
    count=st.integers(1, 40), batch=st.integers(2, 40), order=st.integers(4, 60), width=st.integers(0, 40),
    bits=st.integers(1, 30),
)  # fmt: skip
def test_any_number_of_items_and_any_order_trains(
    name: str, count: int, batch: int, order: int, width: int, bits: int
) -> None:
    """Degenerate mini-batches may diverge, as the release would, but end."""
    training = start(
        name, blobs(count), batch_size=batch, filter_order=order, ae_width=width, bits=bits, epochs=1, averaging=0.5
    )
    assert len(list(epochs_left(training))) == 1
    assert encode(training.encoder, blobs(3)).shape == (3, bits)


def test_constant_features_end_as_well() -> None:
    """All eigenvalues of P but one are equal."""
    for name in FILTERS:
        assert list(epochs_left(start(name, np.ones((20, 10), np.float32))))


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_hasher_is_the_same(name: str, tmp_path: Path) -> None:
    method = find_method(name)
    training = start(name.removeprefix("released_"), blobs(), epochs=1)
    list(epochs_left(training))
    path = tmp_path / "hasher.safetensors"
    save_hasher(SavedHasher(method, training.config, training.trained, {}), path)
    np.testing.assert_array_equal(load_hasher(path).encode(blobs()), encode(training.encoder, blobs()))


def test_defaults_are_those_of_the_released_code() -> None:
    for name in NAMES:
        config: Any = find_method(name).parse({}, "here")
        assert (config.batch_size, config.learning_rate, config.lambda_hash) == (128, 1e-4, 1e-4)
        assert config.filter_order == 18  # of `main.py`; `gcn` passes it over
        assert (config.start, config.batches, config.schedule, config.averaging) == ("random", "random", "constant", 0)
        # a study writes every default down, and knows no null
        assert all(getattr(config, field) is not None for field in find_method(name).hyperparameters)
        assert ("filter_order" in find_method(name).hyperparameters) == (name != "released_gcn")
        net = find_method(name).model(config, 9)
        assert isinstance(net, ReleasedHAGCN) and net.to_continuous.out_features == 9


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("released_spline", {"filter_order": 3}, "filter_order: spline needs at least 4, not 3"),
        ("released_fourier", {"filter_order": 0}, "filter_order: .*greater than or equal to 1, not 0"),
        ("released_gcn", {"alpha": 1.0}, "alpha: unknown key"),
        ("released_gcn", {"lambda_hash": -1.0}, "lambda_hash: .*greater than or equal to 0, not -1"),
    ],
)
def test_a_wrong_configuration_is_one_line(name: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=f"^here: {says}"):
        find_method(name).parse(values, "here")


def test_the_papers_names_stay_with_the_filters_of_this_project() -> None:
    written = ("Cheby", "Poly", "GCN", "lanczos", "Chebyshev (released)", "released-gcn")
    assert [resolve(name) for name in written] == [
        "chebyshev", "spline", "gcn", "lanczos", "released_chebyshev", "released_gcn"
    ]  # fmt: skip
