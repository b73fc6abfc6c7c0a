"""Saved hashers: what comes back is what was saved, and anything else is refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hasher.config import FILTER_NAMES, HasherConfig
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.model_file import FORMAT, SavedHasher, load_hasher, save_hasher
from hasher.training import Trainer


def trained(name: str = "gcn") -> tuple[SavedHasher, np.ndarray]:
    features = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    trainer = Trainer(HasherConfig(filter=name, bits=10, ae_width=8, epochs=1), features, 0, torch.device("cpu"))
    list(trainer.run())
    return SavedHasher(trainer.model, {"dataset": "noise", "map": 0.25}), features


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_a_saved_hasher_comes_back_whole(name: str, tmp_path: Path) -> None:
    hasher, features = trained(name)
    path = tmp_path / "deep" / "model.safetensors"
    save_hasher(hasher, path)
    again = load_hasher(path)
    assert again.config == hasher.config and again.about == hasher.about
    np.testing.assert_array_equal(encode(again.model.encoder, features), encode(hasher.model.encoder, features))
    for key, value in hasher.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], value)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_loading_draws_nothing_from_the_global_random_state(tmp_path: Path) -> None:
    save_hasher(trained()[0], tmp_path / "m.safetensors")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_hasher(tmp_path / "m.safetensors")
    assert torch.equal(torch.rand(3), expected)


def test_what_is_not_a_hasher_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(UserError, match="no such model file"):
        load_hasher(path)
    path.write_bytes(b"not safetensors at all")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_hasher(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="not a hasher"):
        load_hasher(path)
    save_hasher(trained()[0], path)
    config = HasherConfig(filter="gcn", bits=11, ae_width=8).model_dump_json()
    metadata = {"format": FORMAT, "config": config, "about": json.dumps({})}
    save_file(load_file(path), path, metadata)
    with pytest.raises(UserError, match="weights do not fit the configuration"):
        load_hasher(path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
