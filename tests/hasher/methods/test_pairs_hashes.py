"""GreedyHash, Bi-half and SDC: their objectives against loops in float64, and what every trained method has to do."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hasher.contract import epochs_left
from hasher.data import SplitConfig, load_dataset, make_splits
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.methods.bi_half import half_and_half
from hasher.methods.greedyhash import cubic_quantisation
from hasher.methods.pairs import cosine_error, pair_cosines
from hasher.methods.registry import find_method, resolve
from hasher.methods.sdc import angular_quantisation, beta_quantiles, calibration_loss
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from hasher.scoring import encode_split, score_codes
from hasher.training.loop import GradientTraining, MiniBatch, TrainedModel
from tests.hasher.hashing import CPU, codes_of

NAMES = ("greedyhash", "bi_half", "sdc")
PAIRS = ("halves", "all")
#: The options around an objective: as the authors have them, and as HAGCN has them.
WAYS = {
    "authors": {},
    "as HAGCN": {
        "start": "itq", "batches": "neighbourhood", "schedule": "one_cycle", "averaging": 0.9, "leaf_size": 8,
        "pairs": "all",
    },
}  # fmt: skip


def blobs(count: int = 150, width: int = 10, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(3, width))[np.arange(count) % 3] * 2 + rng.normal(size=(count, width))).astype(np.float32)


def begin(name: str, features: np.ndarray, seed: int = 0, **changes: Any) -> GradientTraining:
    method = find_method(name)
    config = method.parse({"bits": 12, "batch_size": 32, "epochs": 3, "learning_rate": 0.01, **changes}, "test")
    training = method.start(config, features, seed, CPU)
    assert isinstance(training, GradientTraining)
    return training


def mini_batch(model: TrainedModel, features: np.ndarray) -> MiniBatch:
    normalised = model.encoder.normalise(torch.from_numpy(features).to(model.encoder.mean.dtype))
    return MiniBatch(torch.arange(len(features)), normalised, normalised, None, torch.Generator())


def pairs_of(count: int, pairs: str) -> list[tuple[int, int]]:
    if pairs == "halves":
        return [(i, i + count // 2) for i in range(count // 2)]
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def outputs_and_features(name: str, count: int, pairs: str) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """An objective's terms of a mini-batch in float64, the outputs it is of, and the embeddings, centred."""
    features = blobs(count) + 3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        method = find_method(name)
        config = method.configure({"bits": 7, "pairs": pairs})
        model = method.build(config, torch.from_numpy(features.mean(axis=0))).double()
    batch = mini_batch(model, features)
    losses = {term: value.item() for term, value in model.losses(batch).items()}
    assert tuple(losses) == model.loss_names
    with torch.no_grad():
        outputs = model.encoder.outputs(batch.normalised).numpy()
    return losses, outputs, features.astype(np.float64) - features.mean(axis=0)


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("count", [2, 9, 12])
def test_greedyhash_is_the_formula(count: int, pairs: str) -> None:
    losses, outputs, centred = outputs_and_features("greedyhash", count, pairs)
    codes = np.where(outputs > 0, 1.0, -1.0)
    errors = [(cosine(codes[i], codes[j]) - cosine(centred[i], centred[j])) ** 2 for i, j in pairs_of(count, pairs)]
    cubes = [abs(abs(value) - 1) ** 3 for row in outputs for value in row]
    assert losses["loss_sim"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert losses["loss_quant"] == pytest.approx(np.mean(cubes), rel=1e-12)
    assert losses["loss"] == pytest.approx(losses["loss_sim"] + 0.1 * losses["loss_quant"], rel=1e-12)


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("count", [2, 9, 12])
def test_bi_half_is_the_formula(count: int, pairs: str) -> None:
    losses, outputs, centred = outputs_and_features("bi_half", count, pairs)
    codes = np.full_like(outputs, -1)
    for bit in range(outputs.shape[1]):
        for item in sorted(range(count), key=lambda item: -outputs[item, bit])[: count // 2]:
            codes[item, bit] = 1
    errors = [(cosine(codes[i], codes[j]) - cosine(centred[i], centred[j])) ** 2 for i, j in pairs_of(count, pairs)]
    assert losses["loss_sim"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert losses["loss_quant"] == pytest.approx(np.mean((outputs - codes) ** 2), rel=1e-12)
    assert losses["loss"] == pytest.approx(losses["loss_sim"] + 3 * losses["loss_quant"], rel=1e-12)


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("count", [2, 9, 12])
def test_sdc_is_the_formula(count: int, pairs: str) -> None:
    losses, outputs, centred = outputs_and_features("sdc", count, pairs)
    compared = sorted(pairs_of(count, pairs), key=lambda pair: cosine(centred[pair[0]], centred[pair[1]]))
    errors = []
    for rank, (i, j) in enumerate(compared):
        quantile = 2 * scipy.stats.beta.ppf((2 * rank + 1) / (2 * len(compared)), 5, 5) - 1
        errors.append(abs(cosine(outputs[i], outputs[j]) - quantile))
    angles = [1 - cosine(row, np.sign(row)) for row in outputs]
    assert losses["loss_sim"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert losses["loss_quant"] == pytest.approx(np.mean(angles), rel=1e-6)
    assert losses["loss"] == pytest.approx(losses["loss_sim"] + losses["loss_quant"], rel=1e-12)


@given(st.integers(1, 300), st.floats(0.3, 20))
@settings(max_examples=40, deadline=None)
def test_quantiles_are_those_of_the_beta_distribution(count: int, shape: float) -> None:
    shares = scipy.stats.beta.cdf((beta_quantiles(count, shape) + 1) / 2, shape, shape)
    np.testing.assert_allclose(shares, (2 * np.arange(count) + 1) / (2 * count), atol=1e-9)


def test_a_beta_distribution_of_shape_one_is_uniform() -> None:
    np.testing.assert_allclose(beta_quantiles(4, 1.0), [-0.75, -0.25, 0.25, 0.75], atol=1e-12)


def test_code_cosines_in_the_order_of_the_embeddings_that_are_the_quantiles_lose_nothing() -> None:
    quantiles = torch.from_numpy(beta_quantiles(45, 5.0))
    embeddings = torch.rand(45, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    codes = torch.empty_like(quantiles)
    codes[embeddings.argsort()] = quantiles
    assert calibration_loss(codes, embeddings, quantiles).item() == 0
    turned = calibration_loss(-codes, embeddings, quantiles)  # the same cosines in the other order
    assert turned.item() == pytest.approx(2 * quantiles.abs().mean().item())
    shifted = calibration_loss(codes + 0.1, embeddings, quantiles)
    assert shifted.item() == pytest.approx(0.1)


def finite_differences(loss: Any, at: Tensor) -> Tensor:
    found = torch.empty_like(at)
    for place in np.ndindex(*at.shape):
        step = torch.zeros_like(at)
        step[place] = 1e-6
        found[place] = (loss(at + step) - loss(at - step)) / 2e-6
    return found


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("term", ["cosine_error", "cubic", "calibration", "angular"])
def test_gradients_are_finite_differences(term: str, pairs: Any) -> None:
    """Where nothing is a sign: of cosines and of quantisation, as functions of real outputs."""
    generator = torch.Generator().manual_seed(3)
    outputs, features = (torch.randn(7, width, generator=generator, dtype=torch.float64) for width in (4, 5))
    wanted = pair_cosines(features, pairs)
    quantiles = torch.from_numpy(beta_quantiles(len(wanted), 5.0))
    losses = {
        "cosine_error": lambda rows: cosine_error(rows, features, pairs),
        "cubic": cubic_quantisation,
        "calibration": lambda rows: calibration_loss(pair_cosines(rows, pairs), wanted, quantiles),
        "angular": angular_quantisation,
    }
    at = outputs.requires_grad_()
    (gradient,) = torch.autograd.grad(losses[term](at), at)
    torch.testing.assert_close(gradient, finite_differences(losses[term], at.detach()), rtol=1e-5, atol=1e-8)


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_half_of_every_bit_is_one_and_no_minus_one_is_above_it(count: int, bits: int, seed: int) -> None:
    """Of an odd number the middle item is -1; with ties, too, as many are 1."""
    outputs = torch.from_numpy(np.random.default_rng(seed).integers(-3, 4, (count, bits)).astype(np.float32))
    codes = half_and_half(outputs)
    assert set(codes.unique().tolist()) <= {-1.0, 1.0}
    assert ((codes == 1).sum(dim=0) == count // 2).all()
    for bit in range(bits):
        above, below = outputs[codes[:, bit] == 1, bit], outputs[codes[:, bit] == -1, bit]
        assert len(above) == 0 or above.min() >= below.max()


class Layer(torch.autograd.Function):
    """The layer of Bi-half as its paper has it: codes forward, and backward the gradient and γ (U - B) / (n b)."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor) -> Tensor:
        codes = half_and_half(outputs)
        ctx.save_for_backward(outputs, codes)
        return codes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        outputs, codes = ctx.saved_tensors
        return gradients[0] + 6 * (outputs - codes) / codes.numel()


@pytest.mark.parametrize("count", [2, 9, 12])
def test_bi_half_has_the_gradient_of_its_layer(count: int) -> None:
    features = blobs(count)
    model = begin("bi_half", features).model
    batch = mini_batch(model, features)
    model.losses(batch)["loss"].backward()
    found = [weight.grad for weight in model.parameters()]
    codes = Layer.apply(model.encoder.outputs(batch.normalised))
    half = count // 2
    one, other = (torch.cosine_similarity(rows[:half], rows[half : 2 * half]) for rows in (codes, batch.normalised))
    expected = torch.autograd.grad(torch.nn.functional.mse_loss(one, other), list(model.parameters()))
    for gradient, as_expected in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, as_expected, rtol=1e-4, atol=1e-6)


def test_greedyhash_passes_the_gradient_of_codes_on_to_outputs() -> None:
    features = blobs(12)
    model = begin("greedyhash", features, lambda_quant=0).model
    batch = mini_batch(model, features)
    model.losses(batch)["loss"].backward()
    outputs = model.encoder.outputs(batch.normalised).detach()
    codes = torch.where(outputs > 0, 1.0, -1.0).requires_grad_()
    (gradient,) = torch.autograd.grad(cosine_error(codes, batch.normalised, "halves"), codes)
    weight = model.encoder.to_bits.weight.grad
    torch.testing.assert_close(weight, gradient.T @ batch.normalised, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_of_the_authors(name: str) -> None:
    config: Any = find_method(name).configure({})
    assert (config.pairs, config.learning_rate, config.start, config.batches) == ("halves", 1e-4, "random", "random")
    assert (config.batch_size, config.epochs) == {"greedyhash": (32, 60), "bi_half": (32, 300), "sdc": (64, 100)}[name]
    assert name in (resolve(find_method(name).label), resolve(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bits", [1, 16, 24])
def test_untrained_codes_are_those_of_itq_bit_for_bit(name: str, bits: int) -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(400, 24)) @ rng.normal(size=(24, 24)) + 3).astype(np.float32)
    wide = {"hidden_width": 64} if name == "sdc" else {}
    codes = encode(begin(name, features, seed=4, start="itq", bits=bits, **wide).encoder, features)
    (expected,) = codes_of("itq", features, features, bits=bits, seed=4)
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_hasher_and_a_saved_state_continues_exactly(name: str, way: str) -> None:
    def losses_of(training: GradientTraining) -> list[float]:
        return [result.losses["loss"] for result in epochs_left(training)]

    whole = begin(name, blobs(), 3, **WAYS[way])
    expected = losses_of(whole)
    broken = begin(name, blobs(), 3, **WAYS[way])
    losses = [broken.run_epoch().losses["loss"]]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = begin(name, blobs(), 99, **WAYS[way])
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert losses + losses_of(resumed) == expected and len(expected) == 3
    for key, value in whole.trained.state_dict().items():
        torch.testing.assert_close(resumed.trained.state_dict()[key], value, rtol=0, atol=0)
    assert losses_of(begin(name, blobs(), 4, **WAYS[way])) != expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_hasher_comes_back_whole(name: str, way: str, tmp_path: Path) -> None:
    training = begin(name, blobs(), **WAYS[way])
    list(epochs_left(training))
    hasher = SavedHasher(find_method(name), training.config, training.trained)
    save_hasher(hasher, tmp_path / "m.safetensors")
    again = load_hasher(tmp_path / "m.safetensors")
    assert again.config == hasher.config and again.fingerprint == hasher.fingerprint
    np.testing.assert_array_equal(again.encode(blobs(seed=1)), encode(training.encoder, blobs(seed=1)))


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_added_to_all_embeddings_changes_nothing(name: str) -> None:
    """Whole numbers, 128 of them: their mean, and the difference from it, are exact with the constant and without."""
    features = np.random.default_rng(0).integers(0, 16, (128, 10)).astype(np.float32)
    trained = []
    for moved in (features, features + 4096):
        training = begin(name, moved)
        trained.append([result.losses["loss"] for result in epochs_left(training)])
        trained.append(encode(training.encoder, moved).tolist())
    assert trained[:2] == trained[2:]


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("name", NAMES)
def test_a_single_item_and_embeddings_that_are_all_alike_have_finite_losses_and_gradients(
    name: str, pairs: str
) -> None:
    for features in (np.ones((1, 10)), np.ones((6, 10)), blobs(1)):
        for start in ("itq", "random"):
            training = begin(name, features.astype(np.float32), pairs=pairs, start=start)
            assert not any(result.diverged for result in epochs_left(training))
            assert all(value.isfinite().all() for value in training.trained.state_dict().values())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(
    count=st.integers(1, 40), batch=st.integers(2, 40), bits=st.integers(1, 30), width=st.integers(1, 20),
    pairs=st.sampled_from(PAIRS), way=st.sampled_from(sorted(WAYS)),
)  # fmt: skip
def test_any_number_of_items_and_bits_trains(
    name: str, count: int, batch: int, bits: int, width: int, pairs: str, way: str
) -> None:
    changes = {**WAYS[way], "batch_size": batch, "bits": bits, "pairs": pairs, "epochs": 1}
    (result,) = epochs_left(begin(name, blobs(count, width), **changes))
    assert not result.diverged and math.isfinite(result.losses["loss"])


@pytest.mark.parametrize("name", NAMES)
def test_digits_are_found_better_than_by_random_directions(name: str) -> None:
    digits = load_dataset("digits")
    split = make_splits(digits, SplitConfig()).search
    train = digits.features[split.train]

    def score(codes: Any) -> float:
        return score_codes(digits, split, *codes, 200).map

    training = begin(name, train, bits=32, epochs=4, learning_rate=0.003, pairs="all")
    list(epochs_left(training))
    lsh = codes_of("lsh", train, digits.features[split.queries], digits.features[split.database], bits=32)
    assert score(encode_split(training.encoder, digits, split)) > score(lsh) + 0.05


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("greedyhash", {"pairs": "some"}, "pairs: .*'halves' or 'all'"),
        ("bi_half", {"gamma": -1}, "gamma: .*greater than or equal to 0"),
        ("sdc", {"beta_shape": 0}, "beta_shape: .*greater than 0"),
        ("sdc", {"gamma": 6}, "gamma: unknown key"),
    ],
)
def test_a_wrong_configuration_is_one_line(name: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=f"^here: {says}"):
        find_method(name).parse(values, "here")
