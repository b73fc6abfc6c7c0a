"""Saved hashers: what comes back is what was saved, and anything else is refused in one line."""

import json
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from hasher.__main__ import main
from hasher.contract import epochs_left
from hasher.encoding import encode
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.methods.hagcn.config import HAGCNConfig
from hasher.model_file import FORMAT, SavedHasher, load_hasher, save_hasher, to_bytes
from tests.hasher.hashing import FILTER_NAMES, method_of, start


def trained(name: str = "gcn") -> tuple[SavedHasher, np.ndarray]:
    features = np.random.default_rng(0).normal(size=(80, 6)).astype(np.float32)
    trainer = start(HAGCNConfig(filter=name, bits=10, ae_width=8, epochs=1), features, 0, torch.device("cpu"))
    list(epochs_left(trainer))
    return SavedHasher(
        method_of(trainer.config), trainer.config, trainer.model, {"dataset": "noise", "map": 0.25}
    ), features


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
    config = HAGCNConfig(filter="gcn", bits=11, ae_width=8).model_dump_json()
    metadata = {"format": FORMAT, "method": "gcn", "config": config, "about": json.dumps({})}
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


class Mischief:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_under_another_name_is_never_unpickled(tmp_path: Path) -> None:
    path, trace = tmp_path / "m.safetensors", tmp_path / "was here"
    path.write_bytes(pickle.dumps(Mischief(trace)))
    with pytest.raises(UserError, match=r"m\.safetensors: not a readable safetensors file"):
        load_hasher(path)
    torch.save({"encoder.mean": Mischief(trace)}, path)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_hasher(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Mischief(trace)))
    assert trace.exists()  # so the pickle would have done it


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_file_cut_short_or_changed_is_refused_in_one_line_or_holds_the_same_shapes(data: st.DataObject) -> None:
    whole = to_bytes(trained()[0])
    header = 8 + int.from_bytes(whole[:8], "little")
    if data.draw(st.booleans()):
        content = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, header - 1))
        content = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        path.write_bytes(content)
        try:
            again = load_hasher(path)
        except UserError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert len(content) == len(whole) and again.encode(np.ones((2, 6))).shape == (2, again.config.bits)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_a_bit_that_flips_anywhere_among_the_weights_is_noticed(place: float, bit: int) -> None:
    whole = bytearray(to_bytes(trained()[0]))
    weights = 8 + int.from_bytes(whole[:8], "little")
    whole[weights + int(place * (len(whole) - weights))] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        path.write_bytes(whole)
        with pytest.raises(UserError, match=r"a damaged hasher: .* digest differs|holds NaN or infinity"):
            load_hasher(path)


@pytest.mark.parametrize(
    "changes", [{"about": json.dumps({"map": 0.75})}, {"digest": "0" * 64}, {"digest": ""}, {"more": "than there was"}]
)
def test_metadata_that_are_not_those_that_were_written_are_noticed(changes: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_hasher(trained()[0], path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, {**metadata, **changes})
    with pytest.raises(UserError, match=r"a damaged hasher: .* digest differs"):
        load_hasher(path)


def test_a_hasher_of_before_there_was_a_digest_is_read_with_a_word(tmp_path: Path) -> None:
    path, (hasher, features) = tmp_path / "m.safetensors", trained()
    save_hasher(hasher, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    del metadata["digest"]
    save_file(load_file(path), path, metadata)
    with pytest.warns(UserWarning, match="without a digest of its content"):
        again = load_hasher(path)
    np.testing.assert_array_equal(again.encode(features), hasher.encode(features))


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"config": None}, "no JSON object as 'config'"),
        ({"config": "{broken"}, "no JSON object as 'config'"),
        ({"config": "[" * 100_000}, "no JSON object as 'config'"),
        ({"config": "[1, 2]"}, "no JSON object as 'config'"),
        ({"config": '{"filter": "gcn", "colour": "red"}'}, "colour: unknown key"),
        ({"config": '{"filter": "gcn", "bits": 10, "ae_width": 1000000000000}'}, "weights do not fit"),
        ({"config": '{"filter": "gcn", "bits": 10, "ae_width": 1e300}'}, "weights do not fit|ae_width"),
        ({"method": "chebyshev", "config": '{"filter_order": 1000000000000, "bits": 10, "ae_width": 8}'}, "not fit"),
        ({"method": "spline", "config": '{"filter_order": 1000000000000, "bits": 10, "ae_width": 8}'}, "not fit"),
        ({"about": None}, "no JSON object as 'about'"),
        ({"about": "nonsense"}, "no JSON object as 'about'"),
        ({"format": "hagcn-hasher-9"}, r"not a hasher \(format 'hagcn-hasher-9', expected 'hagcn-hasher-3'\)"),
        ({"format": "hagcn-hasher-2"}, r"only that version reads: train it again, or check out version 0\.2\.0"),
        ({"method": "simhash"}, r"of the method 'simhash', which is not installed here \(spline, .*itq, .*\)"),
        ({"format": "hagcn-hasher-1"}, r"only that version reads: train it again, or check out version 0\.1\.0"),
    ],
)  # fmt: skip
def test_metadata_that_are_wrong_are_refused(metadata: dict[str, str | None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_hasher(trained()[0], path)
    with safe_open(path, framework="pt") as file:
        changed = {**file.metadata(), **metadata}
    save_file(load_file(path), path, {key: value for key, value in changed.items() if value is not None})
    with pytest.raises(UserError, match=says) as caught:
        load_hasher(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_hasher_of_version_0_1_is_refused_whatever_is_in_it(tmp_path: Path) -> None:
    """Its weights and its configuration may well fit those of this version, and would mean something else."""
    path = tmp_path / "old.safetensors"
    save_file({"encoder.to_code.weight": torch.zeros(2)}, path, {"format": "hagcn-hasher-1"})
    with pytest.raises(UserError) as caught:
        load_hasher(path)
    assert str(caught.value) == (
        f"{path}: a hasher of hagcn-study 0.1 (before the ranking loss), which only that version reads: train it "
        "again, or check out version 0.1.0 (commit 2518bd1 or earlier)"
    )
    assert main(["info", str(path)]) == 2 and FORMAT == "hagcn-hasher-3"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoder.mean": None}, "no training mean"),
        ({"encoder.mean": torch.zeros(2, 3)}, "no training mean"),
        ({"encoder.mean": torch.zeros(())}, "no training mean"),
        ({"encoder.mean": torch.zeros(0)}, "no training mean"),
        ({"encoder.mean": torch.zeros(5)}, r"has shape \(6,\), expected \(5,\)"),
        (
            {"encoder.mean": torch.zeros(6, dtype=torch.float64)},
            "encoder.mean is torch.float64, expected torch.float32",
        ),
        ({"encoder.to_bits.weight": None}, "encoder.to_bits.weight is missing"),
        ({"encoder.to_bits.bias": torch.full((10,), torch.nan)}, "encoder.to_bits.bias holds NaN or infinity"),
        ({"encoder.to_bits.bias": torch.zeros(10, dtype=torch.int64)}, "encoder.to_bits.bias is torch.int64"),
        ({"surplus": torch.zeros(1)}, "surplus is not part of it"),
    ],
)
def test_weights_that_are_wrong_are_refused(changes: dict[str, torch.Tensor | None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_hasher(trained()[0], path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = {**load_file(path), **changes}
    save_file({key: value for key, value in tensors.items() if value is not None}, path, metadata)
    with pytest.raises(UserError, match=says) as caught:
        load_hasher(path)
    assert "weights do not fit the configuration" in str(caught.value)


def test_folders_and_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.safetensors").touch()
    for path in (tmp_path, tmp_path / "empty.safetensors"):
        with pytest.raises(UserError, match="not a readable safetensors file"):
            load_hasher(path)


def test_the_fingerprint_is_that_of_the_encoder() -> None:
    hasher, features = trained()
    assert hasher.fingerprint == trained()[0].fingerprint
    assert replace(hasher, about={"other": 1}).fingerprint == hasher.fingerprint
    for name in hasher.model.encoder.state_dict():
        changed = trained()[0]
        changed.model.encoder.state_dict()[name].view(-1)[0] += 1
        assert changed.fingerprint != hasher.fingerprint, name
    decoder = trained()[0]
    with torch.no_grad():
        decoder.model.decoder[0].weight += 1
    assert decoder.fingerprint == hasher.fingerprint
    np.testing.assert_array_equal(hasher.encode(features), encode(hasher.model.encoder, features))
