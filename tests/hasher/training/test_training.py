"""The model, its loss and its training, against formulas written out in NumPy and against themselves."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.contract import epochs_left
from hasher.encoding import encode, encode_packed
from hasher.errors import UserError
from hasher.graph import knn_graph
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.methods.hagcn.losses import Forward, hashing_loss, ranking_loss
from hasher.methods.hagcn.model import HAGCN
from hasher.training.items import TrainingItems
from hasher.training.loop import MiniBatch, resolve_device
from hasher.training.views import with_noise
from tests.hasher.hashing import FILTER_NAMES, start

CPU = torch.device("cpu")


def blobs(count: int = 150, width: int = 10, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(3, width))[np.arange(count) % 3] * 2 + rng.normal(size=(count, width))).astype(np.float32)


def config(**changes: Any) -> HAGCNConfig:
    return HAGCNConfig(**{"bits": 12, "ae_width": 24, "knn_size": 5, "batch_size": 64, "epochs": 4, **changes})


#: What a hasher learns from beside the default: mini-batches of neighbours, a ranking loss and a start at ITQ.
WAYS = {
    "default": {},
    "as first built": {"similarity_loss": "squared_error", "batches": "random", "start": "random", "averaging": 0},
    "graph of the database": {"graph": "database", "leaf_size": 8},
    "constant step size": {"schedule": "constant", "batches": "random"},
}


def model(settings: HAGCNConfig, features: np.ndarray) -> HAGCN:
    torch.manual_seed(1)
    return HAGCN(settings, torch.from_numpy(features.mean(axis=0)))


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_the_forward_pass_is_the_formula(name: str) -> None:
    """F, B, S and F̂ from float64 NumPy, with the filter's matrix as the only thing taken from the model."""
    features = blobs(40)
    order = 20 if name == "lanczos" else None  # enough Krylov steps to be exact
    net = model(config(filter=name, alpha=2.0, filter_order=order), features).double()
    batch = net(net.encoder.normalise(torch.from_numpy(features).double()))
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
    scale = 1 / np.sqrt(cosine.max(axis=1))
    graph = (np.clip(cosine, 0, None) * scale[:, None] * scale) ** 6 * kept
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
        similarity = np.clip(unit @ unit.T, 0, None) ** 6
    else:
        rows = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        similarity = np.clip(rows @ rows.T, 0, None)
    np.testing.assert_allclose(batch.similarity, similarity, atol=1e-6)

    z3 = matrix @ (z1 @ weights["to_graph.weight"].T)
    z3 = (z3 - z3.mean(axis=1, keepdims=True)) / np.sqrt(z3.var(axis=1, keepdims=True) + 1e-5)
    hidden = gelu(z3 @ weights["decoder.0.weight"].T + weights["decoder.0.bias"])
    rebuilt = hidden @ weights["decoder.2.weight"].T + weights["decoder.2.bias"]
    assert batch.reconstruction is not None
    np.testing.assert_allclose(batch.reconstruction.detach(), rebuilt, atol=1e-4)


def forward(settings: HAGCNConfig, features: np.ndarray) -> Forward:
    net = model(settings, features)
    return net(net.encoder.normalise(torch.from_numpy(features)))


@pytest.mark.parametrize("power", [0.5, 4.0])
@pytest.mark.parametrize("weight", [0.0, 0.3])
@pytest.mark.parametrize("graph", ["batch", "database"])
def test_the_target_is_the_cosine_of_responses_to_a_power(graph: str, weight: float, power: float) -> None:
    features = blobs(40)
    targets = []
    for exponent in (1.0, power):
        settings = config(filter="gcn", graph=graph, lambda_rec=weight, response_power=exponent)
        net = model(settings, features)
        survey = net.survey(TrainingItems(features), torch.device("cpu"))
        responses = None if survey is None else net.filter.respond(survey, torch.arange(40))
        targets.append(net(net.encoder.normalise(torch.from_numpy(features)), responses).similarity.double().numpy())
    assert np.sum((targets[0] > 0.1) & (targets[0] < 0.9)) > 40
    np.testing.assert_allclose(targets[1], targets[0] ** power, rtol=1e-4, atol=1e-6)


def test_noise_is_for_the_encoder_alone() -> None:
    """What is alike and what is to be reconstructed are told by the items without it."""
    features = blobs(40)
    clean, noisy = config(filter="gcn", lambda_rec=0.3), config(filter="gcn", lambda_rec=0.3, input_noise=0.5)
    net = model(clean, features)
    normalised = net.encoder.normalise(torch.from_numpy(features))
    batch = MiniBatch(torch.arange(40), normalised, normalised, None, torch.Generator().manual_seed(3))
    seen = with_noise(normalised, 0.5, torch.Generator().manual_seed(3))
    plain, noised = net(normalised), net(normalised, seen=seen)
    assert torch.equal(noised.similarity, plain.similarity) and torch.equal(noised.normalised, normalised)
    assert torch.equal(noised.relaxed_codes, net(seen).relaxed_codes)
    assert not torch.equal(noised.relaxed_codes, plain.relaxed_codes)
    for chosen, expected in ((clean, plain), (noisy, noised)):
        net.config = chosen
        torch.testing.assert_close(net.losses(batch)["loss"], hashing_loss(expected, chosen)["loss"])


@pytest.mark.parametrize("kind", ["ranking", "squared_error"])
def test_the_loss_is_the_formula(kind: str) -> None:
    """The squared error with λ_bal = 2 λ_sim more is, up to a constant, the mean of (g - (2 S - 1))²."""
    settings = config(
        similarity_loss=kind, temperature=0.4, lambda_rec=0.3, lambda_sim=0.7, lambda_quant=0.2, lambda_bal=0.4
    )
    features = blobs(30)
    batch = forward(settings, features)
    losses = hashing_loss(batch, settings)
    codes, similarity = batch.relaxed_codes.detach().numpy().astype(np.float64), batch.similarity.numpy()
    normalised = batch.normalised.detach().numpy()
    assert batch.reconstruction is not None
    rebuilt = batch.reconstruction.detach().numpy()
    agreement = codes @ codes.T / 12
    others = ~np.eye(30, dtype=bool)
    share = np.where(others, similarity, 0) / np.where(others, similarity, 0).sum(axis=1, keepdims=True)
    softmax = np.where(others, np.exp(agreement / 0.4), 0)
    softmax /= softmax.sum(axis=1, keepdims=True)
    balance = np.mean(codes.mean(axis=0) ** 2)
    terms = {
        "loss_rec": np.mean((rebuilt - normalised) ** 2) / np.var(normalised),
        "loss_sim": {
            "ranking": -np.sum(share[others] * np.log(softmax[others])) / 30 / np.log(29),
            "squared_error": np.mean((agreement - (2 * similarity - 1)) ** 2 - (2 * similarity - 1) ** 2) - 2 * balance,
        }[kind],
        "loss_quant": np.mean((np.abs(codes) - 1) ** 2),
        "loss_bal": balance,
    }
    for name, expected in terms.items():
        assert losses[name].item() == pytest.approx(expected, rel=1e-4), name
    total = sum(w * t for w, t in zip((0.3, 0.7, 0.2, 0.4), terms.values(), strict=True))
    assert losses["loss"].item() == pytest.approx(total, rel=1e-4)


def test_codes_that_know_nothing_have_a_ranking_loss_of_one() -> None:
    rng = torch.Generator().manual_seed(0)
    for n in (3, 50, 400):
        similarity = torch.rand(n, n, generator=rng)
        assert ranking_loss(torch.full((n, n), 0.3), similarity, 0.2).item() == pytest.approx(1, abs=1e-5)


def test_an_item_that_nothing_is_like_teaches_nothing() -> None:
    codes = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    similarity = torch.eye(6)
    loss = ranking_loss(codes @ codes.T, similarity, 0.2)
    loss.backward()
    assert loss.item() == 0 and codes.grad is not None and not codes.grad.any()
    similarity[0, 1] = similarity[1, 0] = 0.5
    loss = ranking_loss(codes @ codes.T, similarity, 0.2)
    (gradient,) = torch.autograd.grad(loss, codes)
    assert gradient.isfinite().all() and gradient.any()


def test_without_weight_nothing_is_reconstructed_and_the_rest_is_unchanged() -> None:
    features = blobs(30)
    with_weight, without = (forward(config(lambda_rec=w), features) for w in (0.5, 0.0))
    assert without.reconstruction is None and torch.equal(with_weight.similarity, without.similarity)


def test_codes_can_weight_the_edges() -> None:
    net = model(config(edges="features_and_codes", filter="gcn"), blobs(30))
    features = net.encoder.normalise(torch.from_numpy(blobs(30)))
    relaxed = net(features).relaxed_codes.detach()
    weights = knn_graph(features, 5, 6.0) * (1 + relaxed @ relaxed.T / 12) / 2
    looped = weights + torch.eye(30)
    scale = looped.sum(dim=1).rsqrt()
    matrix = scale[:, None] * looped * scale
    unit = matrix / matrix.norm(dim=1, keepdim=True)
    torch.testing.assert_close(net(features).similarity, unit @ unit.T, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILTER_NAMES)
def test_training_lowers_the_loss_and_gives_one_result_an_epoch(name: str, way: str) -> None:
    settings = config(filter=name, epochs=12, learning_rate=0.01, **WAYS[way])
    results = list(epochs_left(start(settings, blobs(), 0, CPU)))
    assert [result.epoch for result in results] == list(range(1, 13))
    assert results[-1].losses["loss"] < results[0].losses["loss"] - 0.01 and not any(
        result.diverged for result in results
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILTER_NAMES)
def test_the_same_seed_gives_the_same_hasher_and_another_seed_another(name: str, way: str) -> None:
    def trained(seed: int) -> np.ndarray:
        trainer = start(config(filter=name, **WAYS[way]), blobs(), seed, CPU)
        list(epochs_left(trainer))
        return trainer.encoder.to_bits.weight.detach().numpy()

    torch.manual_seed(5)
    first = trained(3)
    torch.manual_seed(6)  # the global random state does not matter
    np.testing.assert_array_equal(first, trained(3))
    assert not np.array_equal(first, trained(4))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILTER_NAMES)
def test_a_saved_state_continues_exactly(name: str, way: str) -> None:
    settings = config(filter=name, **WAYS[way])
    whole = start(settings, blobs(), 3, CPU)
    expected = [result.losses["loss"] for result in epochs_left(whole)]
    broken = start(settings, blobs(), 3, CPU)
    losses = [broken.run_epoch().losses["loss"], broken.run_epoch().losses["loss"]]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = start(settings, blobs(), 99, CPU)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    losses += [result.losses["loss"] for result in epochs_left(resumed)]
    assert losses == expected
    for key, value in whole.trained.state_dict().items():
        torch.testing.assert_close(resumed.trained.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", FILTER_NAMES)
@settings(max_examples=8, deadline=None)
@given(
    count=st.integers(2, 40), batch=st.integers(2, 40), k=st.integers(1, 60), leaf=st.integers(1, 50),
    graph=st.sampled_from(["batch", "database"]), width=st.integers(1, 40), bits=st.integers(1, 30),
)  # fmt: skip
def test_any_number_of_items_neighbours_and_sizes_trains(
    name: str, count: int, batch: int, k: int, leaf: int, graph: Any, width: int, bits: int
) -> None:
    settings_ = config(
        filter=name, batch_size=batch, knn_size=k, leaf_size=leaf, graph=graph, ae_width=width, bits=bits, epochs=1
    )
    (result,) = epochs_left(start(settings_, blobs(count), 0, CPU))
    assert not result.diverged


@pytest.mark.parametrize("graph", ["batch", "database"])
@pytest.mark.parametrize("name", FILTER_NAMES)
def test_constant_features_do_not_diverge(name: str, graph: Any) -> None:
    results = list(
        epochs_left(start(config(filter=name, epochs=2, graph=graph), np.ones((20, 10), np.float32), 0, CPU))
    )
    assert not any(result.diverged for result in results)


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    results = list(epochs_left(start(config(learning_rate=1e25, epochs=9), blobs(), 0, CPU)))
    assert results[-1].diverged and len(results) < 9


def test_a_code_does_not_depend_on_the_batch_it_is_encoded_in() -> None:
    features = blobs(300)
    trainer = start(config(), features, 0, CPU)
    list(epochs_left(trainer))
    encoder = trainer.encoder
    together = encode(encoder, features)
    alone = np.concatenate([encode(encoder, features[i : i + 1]) for i in range(300)])
    np.testing.assert_array_equal(together, alone)
    assert together.shape == (300, 12) and together.dtype == bool
    np.testing.assert_array_equal(encode_packed(encoder, features), np.packbits(together, axis=1))


def test_encoding_goes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = blobs(100)
    encoder = start(config(), features, 0, CPU).encoder
    whole = encode(encoder, features)
    monkeypatch.setattr("hasher.encoding.CHUNK", 7)
    np.testing.assert_array_equal(encode(encoder, features), whole)


def test_features_of_another_width_are_refused() -> None:
    encoder = start(config(), blobs(), 0, CPU).encoder
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
        ({"edges": "features_and_codes", "graph": "database"}, "edges: .* needs the graph of a mini-batch"),
    ],
)
def test_a_wrong_configuration_is_one_line(values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=f"^here: {says}"):
        HAGCNConfig.parse(values, "here")


@pytest.mark.parametrize("way", WAYS)
def test_training_that_stops_early_has_gone_the_way_of_the_whole(way: str) -> None:
    """The schedule is that of all epochs: a replicate of a winner's best epoch is what the winner was then."""
    whole = start(config(epochs=6, **WAYS[way]), blobs(), 3, CPU)
    losses = [whole.run_epoch().losses["loss"] for _ in range(4)]
    stopped = start(config(epochs=6, stop_after=4, **WAYS[way]), blobs(), 3, CPU)
    assert [result.losses["loss"] for result in epochs_left(stopped)] == losses and stopped.config.trained_epochs == 4
    for key, value in whole.encoder.state_dict().items():
        torch.testing.assert_close(stopped.encoder.state_dict()[key], value, rtol=0, atol=0)
    assert config(epochs=3, stop_after=9).trained_epochs == 3
