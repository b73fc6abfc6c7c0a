"""CIBHash and CroVCA: their losses against sums written out in float64, and what they learn of digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.methods.cibhash import CIBHashConfig, CIBHashModel, bernoulli_divergence, nt_xent
from hasher.methods.crovca import CroVCAConfig, CroVCAModel, alignment_loss, coding_rate
from hasher.scoring import encode_split, score_codes
from hasher.training.loop import GradientTraining
from tests.hasher.hashing import begin, trained


def two_views(count: int = 7, bits: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, count, bits, generator=generator, dtype=torch.float64) * 2
    return first, second


def hardware(outputs: torch.Tensor) -> torch.Tensor:
    return torch.where(outputs > 0, 1.0, -1.0).double()


@pytest.mark.parametrize("temperature", [0.1, 0.3, 2.0])
def test_the_contrastive_loss_is_the_sum(temperature: float) -> None:
    first, second = two_views()
    views = np.concatenate([first.numpy(), second.numpy()])
    total = 0.0
    for i in range(14):
        cosines = [views[i] @ other / np.linalg.norm(views[i]) / np.linalg.norm(other) for other in views]
        others = sum(math.exp(cosines[j] / temperature) for j in range(14) if j != i)
        total -= math.log(math.exp(cosines[(i + 7) % 14] / temperature) / others)
    assert nt_xent(first, second, temperature).item() == pytest.approx(total / 14)


def test_the_contrastive_loss_of_known_codes() -> None:
    """Equal views of orthogonal codes; all codes alike; an item alone has no one to be told from."""
    codes = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]).double()
    assert nt_xent(codes, 3 * codes, 0.3).item() == pytest.approx(math.log(1 + 6 * math.exp(-1 / 0.3)))
    assert nt_xent(codes[:1].repeat(4, 1), codes[:1].repeat(4, 1), 0.3).item() == pytest.approx(math.log(7))
    assert nt_xent(codes[:1], codes[1:2], 0.3).item() == 0


def test_the_divergence_of_bits_is_that_of_torch() -> None:
    first, second = two_views()
    expected = kl_divergence(Bernoulli(logits=first), Bernoulli(logits=second)).sum(dim=1).mean()
    assert bernoulli_divergence(first, second).item() == pytest.approx(expected.item())
    assert bernoulli_divergence(first, first).item() == 0
    certain = torch.tensor([[300.0, -300.0]])
    assert bernoulli_divergence(certain, -certain).item() == pytest.approx(600)


def test_cibhash_s_loss_is_its_terms_and_their_gradient_that_of_the_probabilities() -> None:
    """Of the codes by the chain rule through σ; of each divergence towards the other view, which stands still."""
    config = CIBHashConfig(bits=5, temperature=0.4, lambda_kl=0.7)
    first, second = (view.requires_grad_() for view in two_views())
    losses = CIBHashModel(config, torch.zeros(3)).compare(first, second)
    contrast = nt_xent(hardware(first), hardware(second), 0.4)
    p, q = Bernoulli(logits=first), Bernoulli(logits=second)
    divergence = (kl_divergence(p, q) + kl_divergence(q, p)).sum(dim=1).mean() / 2
    assert losses["loss_contrast"].item() == pytest.approx(contrast.item())
    assert losses["loss_kl"].item() == pytest.approx(divergence.item())
    assert losses["loss"].item() == pytest.approx(contrast.item() + 0.7 * divergence.item())

    codes = hardware(first.detach()).requires_grad_()
    (of_codes,) = torch.autograd.grad(nt_xent(codes, hardware(second), 0.4), codes)
    probability = first.detach().sigmoid()
    logits = first.detach().clone().requires_grad_()
    pulled = kl_divergence(Bernoulli(logits=logits), Bernoulli(logits=second.detach())).sum(dim=1).mean() / 2
    (of_divergence,) = torch.autograd.grad(pulled, logits)
    (gradient,) = torch.autograd.grad(losses["loss"], first)
    torch.testing.assert_close(gradient, of_codes * probability * (1 - probability) + 0.7 * of_divergence)


def test_the_alignment_is_the_cross_entropy_both_ways() -> None:
    first, second = two_views()
    x, y = first.numpy(), second.numpy()
    total = 0.0
    for logits, other in ((x, y), (y, x)):
        for row, target in zip(logits.ravel(), other.ravel(), strict=True):
            probability = 1 / (1 + math.exp(-row))
            total -= math.log(probability if target > 0 else 1 - probability)
    assert alignment_loss(first, second).item() == pytest.approx(total / (2 * x.size))
    same = torch.full((3, 4), 30.0)
    assert alignment_loss(same, same).item() < 1e-9 < 30 == pytest.approx(alignment_loss(same, -same).item())


@pytest.mark.parametrize(("count", "bits"), [(7, 5), (3, 8), (1, 4), (20, 1)])
def test_the_coding_rate_is_numpy_s_log_determinant(count: int, bits: int) -> None:
    outputs, _ = two_views(count, bits)
    rows = outputs.numpy() / np.linalg.norm(outputs.numpy(), axis=1, keepdims=True)
    _, log_det = np.linalg.slogdet(np.eye(count) + bits / (count * 0.05) * rows @ rows.T)  # Sylvester: of either side
    expected = (bits + count) / (bits * count) * log_det / 2
    assert coding_rate(outputs, 0.05).item() == pytest.approx(expected)


def test_the_coding_rate_is_largest_where_codes_fill_the_space() -> None:
    """Orthonormal rows have log det = b log(1 + 1 / ε²); equal ones log(1 + b / ε²)."""
    even = coding_rate(torch.eye(4).double(), 0.05).item()
    assert even == pytest.approx(8 / 16 * 4 / 2 * math.log(1 + 1 / 0.05))
    alike = coding_rate(torch.ones(4, 4).double(), 0.05).item()
    assert alike == pytest.approx(8 / 16 * math.log(1 + 4 / 0.05) / 2)
    random = [coding_rate(two_views(4, 4, seed)[0], 0.05).item() for seed in range(20)]
    assert alike < min(random) and max(random) < even


def test_crovca_s_loss_is_its_terms_and_targets_have_no_gradient() -> None:
    config = CroVCAConfig(bits=5, lambda_rate=0.3, distortion=0.2)
    first, second = (view.requires_grad_() for view in two_views())
    model = CroVCAModel(config, torch.zeros(3))
    losses = model.compare(first, second)
    rate = (coding_rate(first, 0.2) + coding_rate(second, 0.2)) / 2
    assert losses["coding_rate"].item() == pytest.approx(rate.item())
    assert losses["loss"].item() == pytest.approx(alignment_loss(first, second).item() - 0.3 * rate.item())
    (gradient,) = torch.autograd.grad(losses["loss_align"], first)
    expected = binary_cross_entropy_with_logits(first, (second > 0).double()) / 2
    torch.testing.assert_close(gradient, *torch.autograd.grad(expected, first))


def test_the_hash_coder_is_as_wide_as_the_embedding_unless_it_is_told() -> None:
    for given, width in ((0, 12), (7, 7)):
        encoder = CroVCAModel(CroVCAConfig(hidden_width=given), torch.zeros(12)).encoder
        assert encoder.to_continuous.out_features == width  # type: ignore[union-attr]


def test_the_optimiser_is_adamw_with_the_weight_decay_of_the_configuration() -> None:
    """A step without gradients moves nothing but by decay, in proportion to the step size."""
    config = CroVCAConfig(weight_decay=0.25, learning_rate=0.1)
    model = CroVCAModel(config, torch.zeros(3))
    before = model.encoder.to_bits.weight.detach().clone()  # type: ignore[union-attr, operator]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    model.optimiser(config).step()
    torch.testing.assert_close(model.encoder.to_bits.weight.detach(), before * (1 - 0.025))  # type: ignore[union-attr, operator]


def test_a_cosine_schedule_falls_from_the_step_size_to_nothing() -> None:
    features = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    training = begin("crovca", features, bits=4, batch_size=10, epochs=5, learning_rate=0.2)
    rates = []
    for _ in range(5):
        rates.append(training.state_dict()["optimiser"]["param_groups"][0]["lr"])
        training.run_epoch()
    expected = [0.1 * (1 + math.cos(math.pi * epoch / 5)) for epoch in range(5)]
    assert rates == pytest.approx(expected)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def validation_map(training: GradientTraining, digits) -> float:
    split = make_splits(digits, SplitConfig()).search
    return score_codes(digits, split, *encode_split(training.encoder, digits, split), 200).map


@pytest.mark.parametrize(
    ("name", "epochs", "least"), [("cibhash", 3, 0.65), ("crovca", 5, 0.65)]
)  # chance is 0.10, ITQ has 0.65
def test_it_learns_digits(name: str, epochs: int, least: float, digits) -> None:
    features = digits.features[make_splits(digits, SplitConfig()).search.train]
    training = trained(name, features, bits=32, epochs=epochs, hidden_width=512)
    assert validation_map(training, digits) > least
