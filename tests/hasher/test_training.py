"""The model, its loss and its training, against formulas written out in NumPy and against themselves."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.config import FILTER_NAMES, HasherConfig
from hasher.encoding import encode, encode_packed
from hasher.errors import UserError
from hasher.graph import knn_graph
from hasher.losses import hashing_loss
from hasher.model import HAGCN
from hasher.training import Trainer, resolve_device

CPU = torch.device("cpu")


def blobs(count: int = 150, width: int = 10, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(3, width))[np.arange(count) % 3] * 2 + rng.normal(size=(count, width))).astype(np.float32)


def config(**changes: Any) -> HasherConfig:
    return HasherConfig(**{"bits": 12, "ae_width": 16, "knn_size": 5, "batch_size": 64, "epochs": 4, **changes})


def model(settings: HasherConfig, features: np.ndarray) -> HAGCN:
    torch.manual_seed(1)
    return HAGCN(settings, torch.from_numpy(features.mean(axis=0)))


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_the_forward_pass_is_the_formula(name: str) -> None:
    """F, B, S and F̂ from float64 NumPy, with the filter's matrix as the only thing taken from the model."""
    features = blobs(40)
    order = 20 if name == "lanczos" else None  # enough Krylov steps to be exact
    net = model(config(filter=name, alpha=2.0, filter_order=order), features).double()
    batch = net(torch.from_numpy(features).double())
    weights = {key: value.detach().numpy() for key, value in net.state_dict().items()}

    centred = features.astype(np.float64) - weights["encoder.mean"]
    normalised = centred / np.linalg.norm(centred, axis=1, keepdims=True) * np.sqrt(10) / 5
    np.testing.assert_allclose(batch.normalised.detach(), normalised, atol=1e-10)

    def gelu(x: np.ndarray) -> np.ndarray:
        from scipy.special import erf

        return x * (1 + erf(x / np.sqrt(2))) / 2

    z1 = gelu(normalised @ weights["encoder.to_continuous.weight"].T + weights["encoder.to_continuous.bias"])
    logits = z1 @ weights["encoder.to_bits.weight"].T + weights["encoder.to_bits.bias"]
    np.testing.assert_allclose(batch.relaxed_codes.detach(), np.tanh(2.0 * logits), atol=1e-10)

    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    kept = cosine >= np.sort(cosine, axis=1)[:, -5, None]
    graph = np.maximum(np.clip(cosine, 0, None) ** 3 * kept, 0)
    graph = np.maximum(graph, graph.T) + np.eye(40)
    scale = 1 / np.sqrt(graph.sum(axis=1))
    adjacency = scale[:, None] * graph * scale
    eigenvalues, vectors = np.linalg.eigh(np.eye(40) - adjacency)
    eigenvalues = torch.from_numpy(eigenvalues)
    response = net.filter.response(eigenvalues).detach().numpy()
    if name == "fourier":
        response = np.where(np.arange(40) < 16, response, 0)
    matrix = vectors @ np.diag(response) @ vectors.T
    if name == "none":
        target = unit @ unit.T
    else:
        rows = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        target = 2 * np.clip(rows @ rows.T, 0, None) - 1
    np.testing.assert_allclose(batch.target, target, atol=1e-6)

    z3 = matrix @ (z1 @ weights["to_graph.weight"].T)
    z3 = (z3 - z3.mean(axis=1, keepdims=True)) / np.sqrt(z3.var(axis=1, keepdims=True) + 1e-5)
    hidden = gelu(z3 @ weights["decoder.0.weight"].T + weights["decoder.0.bias"])
    rebuilt = hidden @ weights["decoder.2.weight"].T + weights["decoder.2.bias"]
    assert batch.reconstruction is not None
    np.testing.assert_allclose(batch.reconstruction.detach(), rebuilt, atol=1e-4)


def test_the_loss_is_the_formula() -> None:
    settings = config(lambda_rec=0.3, lambda_sim=0.7, lambda_quant=0.2, lambda_bal=0.4)
    features = blobs(30)
    batch = model(settings, features)(torch.from_numpy(features))
    losses = hashing_loss(batch, settings)
    codes, target = batch.relaxed_codes.detach().numpy(), batch.target.numpy()
    normalised = batch.normalised.detach().numpy()
    assert batch.reconstruction is not None
    rebuilt = batch.reconstruction.detach().numpy()
    terms = {
        "reconstruction": np.mean((rebuilt - normalised) ** 2) / np.var(normalised),
        "similarity": np.mean((codes @ codes.T / 12 - target) ** 2),
        "quantisation": np.mean((np.abs(codes) - 1) ** 2),
        "balance": np.mean(codes.mean(axis=0) ** 2),
    }
    for name, expected in terms.items():
        assert getattr(losses, name).item() == pytest.approx(expected, rel=1e-4), name
    total = sum(w * t for w, t in zip((0.3, 0.7, 0.2, 0.4), terms.values(), strict=True))
    assert losses.total.item() == pytest.approx(total, rel=1e-4)


def test_without_weight_nothing_is_reconstructed_and_the_rest_is_unchanged() -> None:
    features = blobs(30)
    with_weight, without = (model(config(lambda_rec=w), features)(torch.from_numpy(features)) for w in (0.5, 0.0))
    assert without.reconstruction is None and torch.equal(with_weight.target, without.target)


def test_codes_can_weight_the_edges() -> None:
    features = torch.from_numpy(blobs(30))
    net = model(config(edges="features_and_codes", filter="gcn"), features.numpy())
    relaxed = net(features).relaxed_codes.detach()
    weights = knn_graph(net.encoder.normalise(features), 5, 3.0) * (1 + relaxed @ relaxed.T / 12) / 2
    looped = weights + torch.eye(30)
    scale = looped.sum(dim=1).rsqrt()
    matrix = scale[:, None] * looped * scale
    unit = matrix / matrix.norm(dim=1, keepdim=True)
    torch.testing.assert_close(net(features).target, 2 * (unit @ unit.T) - 1, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_training_lowers_the_loss_and_gives_one_result_an_epoch(name: str) -> None:
    results = list(Trainer(config(filter=name, epochs=12, learning_rate=0.01), blobs(), 0, CPU).run())
    assert [result.epoch for result in results] == list(range(1, 13))
    assert results[-1].loss < 0.8 * results[0].loss and not any(result.diverged for result in results)


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_the_same_seed_gives_the_same_hasher_and_another_seed_another(name: str) -> None:
    def trained(seed: int) -> np.ndarray:
        trainer = Trainer(config(filter=name), blobs(), seed, CPU)
        list(trainer.run())
        return trainer.model.encoder.to_bits.weight.detach().numpy()

    torch.manual_seed(5)
    first = trained(3)
    torch.manual_seed(6)  # the global random state does not matter
    np.testing.assert_array_equal(first, trained(3))
    assert not np.array_equal(first, trained(4))


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_a_saved_state_continues_exactly(name: str) -> None:
    whole = Trainer(config(filter=name), blobs(), 3, CPU)
    expected = [result.loss for result in whole.run()]
    broken = Trainer(config(filter=name), blobs(), 3, CPU)
    losses = [broken.run_epoch().loss, broken.run_epoch().loss]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = Trainer(config(filter=name), blobs(), 99, CPU)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    losses += [result.loss for result in resumed.run()]
    assert losses == expected
    for key, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", FILTER_NAMES)
@settings(max_examples=8, deadline=None)
@given(count=st.integers(2, 40), batch=st.integers(2, 40), k=st.integers(1, 60))
def test_any_number_of_items_neighbours_and_batch_size_trains(name: str, count: int, batch: int, k: int) -> None:
    settings_ = config(filter=name, batch_size=batch, knn_size=k, epochs=1)
    (result,) = Trainer(settings_, blobs(count), 0, CPU).run()
    assert not result.diverged


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_constant_features_do_not_diverge(name: str) -> None:
    results = list(Trainer(config(filter=name, epochs=2), np.ones((20, 10), np.float32), 0, CPU).run())
    assert not any(result.diverged for result in results)


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    results = list(Trainer(config(learning_rate=1e25, epochs=9), blobs(), 0, CPU).run())
    assert results[-1].diverged and len(results) < 9


def test_a_code_does_not_depend_on_the_batch_it_is_encoded_in() -> None:
    features = blobs(300)
    trainer = Trainer(config(), features, 0, CPU)
    list(trainer.run())
    encoder = trainer.model.encoder
    together = encode(encoder, features)
    alone = np.concatenate([encode(encoder, features[i : i + 1]) for i in range(300)])
    np.testing.assert_array_equal(together, alone)
    assert together.shape == (300, 12) and together.dtype == bool
    np.testing.assert_array_equal(encode_packed(encoder, features), np.packbits(together, axis=1))


def test_encoding_goes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = blobs(100)
    encoder = Trainer(config(), features, 0, CPU).model.encoder
    whole = encode(encoder, features)
    monkeypatch.setattr("hasher.encoding.CHUNK", 7)
    np.testing.assert_array_equal(encode(encoder, features), whole)


def test_features_of_another_width_are_refused() -> None:
    encoder = Trainer(config(), blobs(), 0, CPU).model.encoder
    with pytest.raises(UserError, match=r"shape \(5, 3\) does not fit this hasher, expected \(n, 10\)"):
        encode(encoder, np.zeros((5, 3), np.float32))


def test_devices() -> None:
    assert resolve_device("cpu") == CPU and resolve_device("auto").type in ("cpu", "cuda")
    with pytest.raises(UserError, match="device: 'abacus'"):
        resolve_device("abacus")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"filter": "wavelet"}, "filter: .*'wavelet'"),
        ({"bits": 0}, "bits: .*greater than or equal to 1, not 0"),
        ({"colour": 1}, "colour: unknown key"),
        ({"filter": "gcn", "filter_order": 2}, "filter_order: gcn has no order"),
        ({"filter": "spline", "filter_order": 3}, "filter_order: spline needs at least 4, not 3"),
    ],
)
def test_a_wrong_configuration_is_one_line(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=f"^here: {says}"):
        HasherConfig.parse(values, "here")
