"""What holds for every rival that is trained by gradient: its start, its randomness, its state and its file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hasher.contract import epochs_left
from hasher.encoding import encode
from hasher.methods.neural import NeuralMethod
from hasher.methods.registry import find_method, methods
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from tests.hasher.hashing import begin, codes_of, trained

NAMES = [name for name, method in methods().items() if isinstance(method, NeuralMethod)]
WIDTH = 12
#: As the authors have it, and with all that HAGCN has beside its objective.
SURROUNDINGS: dict[str, dict[str, Any]] = {
    "authors'": {},
    "HAGCN's": {"start": "itq", "batches": "neighbourhood", "leaf_size": 8, "schedule": "one_cycle", "averaging": 0.9},
    "cosine": {"schedule": "cosine", "batches": "graph", "leaf_size": 8},
}


def blobs(count: int = 128) -> np.ndarray:
    """Whole numbers, whose mean over a power of two of them is exact, as it is when a constant is added."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, WIDTH)) * 12
    return np.round(centres[np.arange(count) % 4] + rng.normal(size=(count, WIDTH)) * 8).astype(np.float32)


def small(name: str, **values: Any) -> dict[str, Any]:
    """A configuration that takes no time, wherever it has such fields."""
    narrow = {"hidden_width": 24, "continuous_width": 16}
    own = {field: value for field, value in narrow.items() if field in find_method(name).hyperparameters}
    return {"bits": 8, "batch_size": 32, "epochs": 3, **own, **values}


@pytest.mark.parametrize("name", NAMES)
def test_a_start_at_itq_has_its_codes_bit_for_bit(name: str) -> None:
    features = blobs(301)
    start = begin(name, features, 4, **small(name, start="itq"))
    (expected,) = codes_of("itq", features, features, bits=8, seed=4)
    np.testing.assert_array_equal(encode(start.encoder, features), expected)
    usual = begin(name, features, 4, **small(name))
    assert (encode(usual.encoder, features) != expected).mean() > 0.2  # their authors' start is another


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_everything(name: str, surroundings: str) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        return trained(name, blobs(), seed, **small(name, **SURROUNDINGS[surroundings])).trained.state_dict()

    torch.manual_seed(5)
    first = weights(3)
    torch.manual_seed(6)
    assert all(torch.equal(value, first[key]) for key, value in weights(3).items())
    assert not torch.equal(weights(4)["encoder.to_bits.weight"], first["encoder.to_bits.weight"])


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_state_continues_exactly(name: str, surroundings: str) -> None:
    values = small(name, **SURROUNDINGS[surroundings])
    whole = begin(name, blobs(), 3, **values)
    expected = [result.losses for result in epochs_left(whole)]
    broken = begin(name, blobs(), 3, **values)
    losses = [broken.run_epoch().losses]
    file = io.BytesIO()
    torch.save(broken.state_dict(), file)
    file.seek(0)
    resumed = begin(name, blobs(), 99, **values)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    losses += [result.losses for result in epochs_left(resumed)]
    assert losses == expected
    assert all(
        torch.equal(value, whole.trained.state_dict()[key]) for key, value in resumed.trained.state_dict().items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_hasher_comes_back_whole(name: str, tmp_path: Path) -> None:
    training = trained(name, blobs(), **small(name, averaging=0.9))
    method = find_method(name)
    path = tmp_path / "rival.safetensors"
    save_hasher(SavedHasher(method, training.config, training.trained), path)
    again = load_hasher(path)
    assert again.method is method and again.config == training.config
    np.testing.assert_array_equal(again.encode(blobs(300)), encode(training.encoder, blobs(300)))
    assert all(
        torch.equal(value, training.trained.state_dict()[key]) for key, value in again.model.state_dict().items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_added_to_all_embeddings_changes_nothing(name: str) -> None:
    features = blobs()
    near, far = (trained(name, items, **small(name)).encoder for items in (features, features + 2**15))
    np.testing.assert_array_equal(encode(near, features), encode(far, features + 2**15))


@pytest.mark.parametrize("values", [{"batch_size": 2}, {"batch_size": 2, "start": "itq"}, {"bits": 1}, {"bits": 40}])
@pytest.mark.parametrize("name", NAMES)
def test_few_items_and_short_codes_give_finite_losses(name: str, values: dict[str, Any]) -> None:
    for count in (2, 3, 5):  # with two in a mini-batch, and one in the last
        for result in epochs_left(begin(name, blobs(count), **small(name, **values))):
            assert all(np.isfinite(value) for value in result.losses.values())


@pytest.mark.parametrize("name", NAMES)
def test_constant_features_give_finite_losses_and_weights(name: str) -> None:
    training = begin(name, np.ones((20, WIDTH), np.float32), **small(name))
    for result in epochs_left(training):
        assert all(np.isfinite(value) for value in result.losses.values())
    assert all(value.isfinite().all() for value in training.model.state_dict().values())


@pytest.mark.parametrize("name", NAMES)
def test_an_epoch_reports_every_term_and_every_weight_learns(name: str) -> None:
    training = begin(name, blobs(), **small(name))
    before = {key: value.clone() for key, value in training.model.named_parameters()}
    result = training.run_epoch()
    assert tuple(result.losses) == training.model.loss_names
    assert all(not torch.equal(value, before[key]) for key, value in training.model.named_parameters())
