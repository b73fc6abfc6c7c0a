"""TBH: its graph, its two players and what they learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from scipy.special import expit
from sklearn.metrics import average_precision_score

from hasher.encoders import TwoLayerEncoder
from hasher.encoding import encode
from hasher.methods.tbh import (
    TBHConfig,
    TBHModel,
    discrimination_loss,
    hamming_adjacency,
    prior_draws,
    reverse_gradient,
)
from hasher.training.loop import GradientTraining, MiniBatch
from tests.hasher.hashing import begin, trained


def coins(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, shape, generator=torch.Generator().manual_seed(seed)).float()


def model(**values: object) -> TBHModel:
    torch.manual_seed(1)
    config = TBHConfig.parse({"bits": 6, "hidden_width": 16, "continuous_width": 10, **values}, "test")
    return TBHModel(config, torch.zeros(5))


def mini_batch(count: int = 9, seed: int = 0) -> MiniBatch:
    generator = torch.Generator().manual_seed(seed)
    normalised = TwoLayerEncoder(torch.zeros(5), 2, 2).normalise(torch.randn(count, 5, generator=generator))
    return MiniBatch(torch.arange(count), normalised, normalised, None, generator)


@pytest.mark.parametrize("power", [1.0, 1.4, 3.0])
def test_the_graph_is_that_of_scipy_s_hamming_distances(power: float) -> None:
    bits = coins(20, 12)
    weights = (1 - squareform(pdist(bits.numpy(), "hamming"))) ** power
    degrees = weights.sum(axis=1)
    expected = weights / np.sqrt(np.outer(degrees, degrees))
    np.testing.assert_allclose(hamming_adjacency(bits, power).numpy(), expected, atol=1e-6)


def test_codes_and_their_opposites_are_apart_and_nothing_is_nan() -> None:
    bits = torch.cat([torch.ones(2, 4), torch.zeros(3, 4)]).requires_grad_()
    adjacency = hamming_adjacency(bits, 1.4)
    expected = torch.block_diag(torch.full((2, 2), 1 / 2), torch.full((3, 3), 1 / 3))
    torch.testing.assert_close(adjacency, expected)
    (gradient,) = torch.autograd.grad(adjacency.square().sum(), bits)
    assert gradient.isfinite().all()


def test_the_gradient_is_turned_round_and_the_values_are_not() -> None:
    values = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    through = reverse_gradient(values, 0.3)
    assert torch.equal(through, values)
    (gradient,) = torch.autograd.grad((through**3).sum(), values)
    torch.testing.assert_close(gradient, -0.3 * 3 * values.detach() ** 2)


def test_the_discriminator_s_loss_is_the_cross_entropy() -> None:
    drawn, encoded = torch.randn(2, 8, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = -np.log(expit(drawn.numpy())).mean() - np.log(1 - expit(encoded.numpy())).mean()
    assert discrimination_loss(drawn, encoded).item() == pytest.approx(expected)
    assert discrimination_loss(torch.zeros(3, 1), torch.zeros(5, 1)).item() == pytest.approx(2 * np.log(2))


def test_the_forward_pass_is_the_formula() -> None:
    net, batch = model(), mini_batch()
    torch.nn.init.normal_(net.decoder[2].weight)
    found = net(batch.normalised)
    w = {key: value.detach().double().numpy() for key, value in net.state_dict().items()}
    x = batch.normalised.double().numpy()

    def layer(name: str, values: np.ndarray) -> np.ndarray:
        return values @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    hidden = np.maximum(layer("encoder.to_continuous", x), 0)
    bits = (expit(layer("encoder.to_bits", hidden)) > 0.5).astype(float)
    np.testing.assert_array_equal(found.bits.detach(), bits)
    np.testing.assert_array_equal(encode(net.encoder, x * 0.5), bits)  # a code is the same bits, of any length
    weights = (1 - squareform(pdist(bits, "hamming"))) ** 1.4
    graph = weights / np.sqrt(np.outer(weights.sum(axis=1), weights.sum(axis=1)))
    filtered = expit(graph @ layer("to_graph", expit(layer("to_continuous", hidden))))
    np.testing.assert_allclose(found.filtered.detach(), filtered, atol=1e-6)
    rebuilt = layer("decoder.2", np.maximum(layer("decoder.0", filtered), 0))
    np.testing.assert_allclose(found.reconstruction.detach(), rebuilt, atol=1e-5)


def test_an_untrained_decoder_says_the_mean_of_the_items() -> None:
    """So that it loses all that they differ in, and its noise teaches the encoder nothing."""
    net, batch = model(), mini_batch()
    assert not net(batch.normalised).reconstruction.any()
    assert net.losses(batch)["loss_rec"].item() == pytest.approx(1, rel=1e-5)


def test_the_first_layer_starts_at_one_size_for_embeddings_of_any_width() -> None:
    for width in (64, 1280):
        net = TBHModel(TBHConfig(hidden_width=256), torch.zeros(width))
        items = net.encoder.normalise(torch.randn(100, width, generator=torch.Generator().manual_seed(0)))
        assert net.encoder.to_continuous(items).square().mean().sqrt().item() == pytest.approx(2**0.5, rel=0.05)


def test_one_loss_gives_both_players_their_gradients() -> None:
    """Those of the authors' two losses: L_rec - λ L_adv for all before the discriminators, L_adv for them."""
    weight = 0.6
    net = model(lambda_adv=weight)
    torch.nn.init.normal_(net.decoder[2].weight)
    losses = net.losses(mini_batch())
    losses["loss"].backward()
    got = {name: parameter.grad for name, parameter in net.named_parameters()}

    batch = mini_batch()
    found = net(batch.normalised)
    fair, uniform = prior_draws(found, batch.random)
    errors = zip(found.reconstruction, batch.normalised, strict=True)
    shares = [(ours - own).square().sum() / own.square().sum() for ours, own in errors]
    reconstruction = torch.stack(shares).mean()
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    adversarial = torch.zeros(())
    for judge, drawn, encoded in (
        (net.judge_bits, fair, found.bits),
        (net.judge_filtered, uniform, found.filtered),
    ):
        adversarial = adversarial + bce(judge(drawn), torch.ones(9, 1)) + bce(judge(encoded), torch.zeros(9, 1))
    assert losses["loss_rec"].item() == pytest.approx(reconstruction.item(), rel=1e-5)
    assert losses["loss_adv"].item() == pytest.approx(adversarial.item(), rel=1e-5)
    for name, parameter in net.named_parameters():
        own = adversarial if name.startswith("judge") else reconstruction - weight * adversarial
        (expected,) = torch.autograd.grad(own, parameter, retain_graph=True)
        torch.testing.assert_close(got[name], expected, atol=1e-6, rtol=1e-4, msg=name)


def test_priors_are_fair_coins_and_uniform_numbers_of_the_given_random_state() -> None:
    net = model(bits=64, continuous_width=64)
    found = net(mini_batch(200).normalised)
    draws = [prior_draws(found, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(draws[0][0], draws[1][0]) and torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(draws[0][0], draws[2][0]) and not torch.equal(draws[0][1], draws[2][1])
    fair, uniform = draws[0]
    assert set(fair.unique().tolist()) == {0, 1} and fair.mean().item() == pytest.approx(0.5, abs=0.02)
    assert uniform.var().item() == pytest.approx(1 / 12, rel=0.05) and uniform.mean().item() == pytest.approx(
        0.5, abs=0.02
    )


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Four of them in noise, and which one an item is of."""
    rng = np.random.default_rng(0)
    labels = np.arange(256) % 4
    return (rng.normal(size=(4, 32))[labels] + rng.normal(size=(256, 32))).astype(np.float32), labels


SMALL = {"bits": 16, "hidden_width": 128, "continuous_width": 64, "batch_size": 64, "learning_rate": 0.003}


def test_discriminators_learn() -> None:
    """Bits and z' that are no draws of the priors are told from them; a judge that knows nothing has 2 log 2."""
    training = begin("tbh", clusters()[0], epochs=25, lambda_adv=0.0, **SMALL)
    losses = [training.run_epoch().losses["loss_adv"] for _ in range(25)]
    assert losses[-1] < 4 * np.log(2) - 0.5 and losses[-1] < losses[0] - 0.2


def test_codes_tell_clusters_apart() -> None:
    """mAP among four clusters, of which chance finds a quarter, rises far above the untrained codes'."""
    features, labels = clusters()

    def score(training: GradientTraining) -> float:
        codes = np.where(encode(training.encoder, features), 1.0, -1.0)
        each = [average_precision_score(labels == own, codes @ code) for own, code in zip(labels, codes, strict=True)]
        return float(np.mean(each))

    assert (
        score(begin("tbh", features, epochs=60, **SMALL))
        < 0.6
        < 0.85
        < score(trained("tbh", features, epochs=60, **SMALL))
    )
