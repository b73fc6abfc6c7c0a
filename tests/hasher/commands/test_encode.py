"""``python -m hasher encode``, files of codes, and how much memory encoding takes."""

import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hasher.__main__ import main
from hasher.data import Items, SplitConfig, Vectors, load_dataset, make_splits
from hasher.encoders import TwoLayerEncoder
from hasher.encoding import CHUNK, encode, encode_packed, real_values
from hasher.errors import UserError
from hasher.model_file import SavedHasher, load_hasher, save_hasher
from hasher.retrieval import unpack
from hasher.search.codes_file import hash_items, is_codes_file, load_codes, save_codes

MakeHasher = Callable[..., SavedHasher]


def expected_values(hasher: SavedHasher, features: np.ndarray) -> np.ndarray:
    """The encoder applied to the whole, in float64."""
    encoder = hasher.model.encoder
    mean, first, second = encoder.mean.numpy(), encoder.to_continuous, encoder.to_bits
    centred = np.asarray(features, np.float64) - mean
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = torch.from_numpy(centred / length * np.sqrt(len(mean)) / 5)
    continuous = torch.nn.functional.gelu(unit @ first.weight.double().T + first.bias.double())
    values: torch.Tensor = continuous @ second.weight.double().T + second.bias.double()
    return values.detach().numpy()


def expected_codes(hasher: SavedHasher, features: np.ndarray) -> np.ndarray:
    return expected_values(hasher, features) > 0


@pytest.fixture
def model(tmp_path: Path, make_hasher: MakeHasher) -> Path:
    save_hasher(make_hasher(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(50, 10)).astype(np.float32)


def run(model: Path, data: Path | str, *more: str) -> int:
    return main(["encode", str(model), str(data), "--out", str(model.parent / "codes.npz"), *more])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_matrix_is_encoded(
    model: Path, make_hasher: MakeHasher, features: np.ndarray, dtype: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(model.parent / "m.npy", features.astype(dtype))
    assert run(model, model.parent / "m.npy") == 0
    out = capsys.readouterr().out
    assert "50 items to 13 bits" in out and "codes.npz" in out
    codes = load_codes(model.parent / "codes.npz")
    assert codes.bits == 13 and codes.packed.dtype == np.uint8 and codes.hasher == load_hasher(model).fingerprint
    expected = expected_codes(make_hasher(), features.astype(dtype))
    np.testing.assert_array_equal(unpack(codes.packed, 13), expected)
    assert len(np.unique(expected, axis=0)) > 15
    assert codes.items.labels is None and codes.config == make_hasher().settings


def test_what_is_known_of_the_items_stays_beside_their_codes(model: Path, features: np.ndarray) -> None:
    labels = np.array(["a", "b", "", "b", "a"] * 10)
    paths = np.array([f"é/{row}.jpg" for row in range(50)])
    np.savez(model.parent / "mine.npz", features=features, labels=labels, paths=paths)
    assert run(model, model.parent / "mine.npz") == 0
    codes = load_codes(model.parent / "codes.npz")
    np.testing.assert_array_equal(codes.items.classes(np.arange(50)), labels)
    assert codes.items.paths is not None and list(codes.items.paths) == list(paths)
    assert codes.items.origin == str(model.parent / "mine.npz") and list(codes.items.rows) == list(range(50))


def test_the_sides_of_the_split_the_model_was_tested_on(tmp_path: Path, make_hasher: MakeHasher) -> None:
    digits, config = load_dataset("digits"), SplitConfig(seed=3, test_queries=30)
    about = {"fingerprint": digits.fingerprint, "split": config.model_dump()}
    path = tmp_path / "model.safetensors"
    save_hasher(make_hasher(64, about=about), path)
    split = make_splits(digits, config).final
    for part, rows in (("queries", split.queries), ("database", split.database)):
        assert run(path, f"digits:{part}") == 0
        codes = load_codes(tmp_path / "codes.npz")
        np.testing.assert_array_equal(codes.items.rows, rows)
        np.testing.assert_array_equal(unpack(codes.packed, 13), load_hasher(path).encode(digits.features[rows]))


@given(bits=st.integers(1, 70), count=st.integers(1, 40))
@settings(deadline=None, max_examples=30)
def test_codes_of_any_length_are_packed_and_come_back(
    make_hasher: MakeHasher, bits: int, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hasher = make_hasher(4, bits)
    features = np.random.default_rng(count).normal(size=(count, 4))
    codes = hash_items(hasher, Vectors(features, Items("x", np.arange(count))))
    path = tmp_path_factory.mktemp("codes") / "codes.npz"
    save_codes(codes, path)
    again = load_codes(path)
    assert again.fingerprint == codes.fingerprint and again.bits == bits
    np.testing.assert_array_equal(unpack(again.packed, bits), encode(hasher.model.encoder, features))


def test_an_item_that_is_there_twice_is_refused(make_hasher: MakeHasher, tmp_path: Path) -> None:
    items = Items("x", np.array([0, 2, 2]))
    save_codes(hash_items(make_hasher(4, 8), Vectors(np.eye(3, 4), items)), tmp_path / "codes.npz")
    with pytest.raises(UserError, match=r"/codes\.npz: rows: one item is there twice, expected each once"):
        load_codes(tmp_path / "codes.npz")


def test_memory_does_not_grow_with_the_number_of_vectors(tmp_path: Path, make_hasher: MakeHasher) -> None:
    """Twelve chunks, mapped from a file; as float32 they would take 25 MB."""
    encoder = make_hasher(64, 8).model.encoder
    features = np.lib.format.open_memmap(tmp_path / "m.npy", "w+", np.float16, (12 * CHUNK, 64))
    features[:] = 1
    tracemalloc.start()
    done: list[int] = []
    packed = encode_packed(encoder, features, done.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(done) == len(packed) == 12 * CHUNK
    assert peak < 3 * CHUNK * 64 * 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e300])
@pytest.mark.parametrize("row", [0, CHUNK + 5])
def test_a_vector_that_cannot_be_reckoned_with_is_named(value: float, row: int) -> None:
    encoder = TwoLayerEncoder(torch.zeros(3), 4, 5)
    features = np.ones((CHUNK + 10, 3))
    features[row, 1] = value
    with pytest.raises(UserError, match=f"features: row {row} holds NaN or infinity, or is longer than"):
        encode(encoder, features)


def test_large_vectors_that_a_data_set_may_hold_are_encoded() -> None:
    """Their largest value is above what the quick check lets pass, their length is not."""
    encoder = TwoLayerEncoder(torch.zeros(3), 4, 5)
    features = np.array([[8e18, 0, 0], [1, 0, 0]])
    codes = encode(encoder, features)
    np.testing.assert_array_equal(codes[0], codes[1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{model}", "{folder}/wide.npy"], "wide.npy: vectors of width 11, but this hasher takes 10"),
        (["{model}", "{folder}/nan.npy"], "nan.npy: features: row 7 holds NaN"),
        (["{model}", "{folder}/none.npy"], "none.npy: no such file"),
        (["{model}", "digits:queries"], "digits:queries: the model does not say"),
        (["{model}", "{folder}/fine.npy", "--device", "abacus"], "device: 'abacus'"),
        (["{model}", "{folder}/fine.npy", "--out", "codes.txt"], "codes.txt: codes are written as .npz"),
        (["{folder}/none.safetensors", "{folder}/fine.npy"], "no such model file"),
        (["{folder}/fine.npy", "{folder}/fine.npy"], "not a readable safetensors file"),
        (["{model}", "{folder}/fine.npy", "--out", "{folder}/fine.npy/codes.npz"], "fine.npy"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    model: Path, features: np.ndarray, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model.parent
    spoiled = features.copy()
    spoiled[7, 3] = np.nan
    for name, array in (("wide", np.ones((3, 11))), ("nan", spoiled), ("fine", features)):
        np.save(folder / f"{name}.npy", array)
    before = sorted(folder.iterdir())
    filled = [argument.format(model=model, folder=folder) for argument in arguments]
    out = [] if "--out" in filled else ["--out", str(folder / "codes.npz")]
    assert main(["encode", *filled, *out]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and error.startswith("error: ")
    assert sorted(folder.iterdir()) == before


def change(path: Path, **arrays: Any) -> None:
    """Write the file again with some arrays replaced, or left out where they are None."""
    with np.load(path) as file:
        kept = {**dict(file), **arrays}
    np.savez(path, **{key: value for key, value in kept.items() if value is not None})


def about_with(path: Path, **values: Any) -> np.ndarray:
    with np.load(path) as file:
        return np.array(json.dumps({**json.loads(str(file["about"])), **values}))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: change(path, about=None), "it lacks 'about'"),
        (lambda path: change(path, codes=None), "it lacks 'codes'"),
        (lambda path: change(path, about=np.array("{")), "not a file of codes"),
        (lambda path: change(path, about=about_with(path, format="hagcn-codes-9")), "format"),
        (lambda path: change(path, about=about_with(path, bits="many")), "bits"),
        (lambda path: change(path, about=about_with(path, bits=99)), r"expected uint8 of shape \(n, 13\)"),
        (lambda path: change(path, codes=np.full((50, 2), 255, np.uint8)), "row 0 has a bit set beyond the 13"),
        (lambda path: change(path, codes=np.zeros((49, 2), np.uint8)), "49 of them for 50 items"),
        (lambda path: change(path, labels=np.full(50, 3)), "labels: expected -1 to -1"),
        (lambda path: change(path, rows=np.arange(3.0)), "rows is float64"),
        (lambda path: change(path, codes=np.array([{}], object)), "codes holds pickled Python objects"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "not a readable .npz file"),
        (lambda path: path.write_bytes(pickle.dumps({"codes": 1})), "not a readable .npz file"),
        (lambda path: path.write_bytes(b""), "not a readable .npz file"),
        (lambda path: path.unlink(), "no such file"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_codes_is_one_line(
    spoil: Callable[[Path], object], says: str, tmp_path: Path, make_hasher: MakeHasher, features: np.ndarray
) -> None:
    path = tmp_path / "codes.npz"
    save_codes(hash_items(make_hasher(), Vectors(features, Items("x", np.arange(50)))), path)
    assert is_codes_file(str(path))
    spoil(path)
    with pytest.raises(UserError, match=says) as caught:
        load_codes(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_only_files_of_codes_pass_for_such(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", features=np.eye(3), codes=np.eye(3))
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for source in ("data.npz", "junk.npz", "none.npz", "", "digits"):
        assert not is_codes_file(str(tmp_path / source) if source.endswith("npz") else source)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writable", [True, False])
def test_vectors_are_left_as_they_are_whatever_their_memory(
    make_hasher: MakeHasher, features: np.ndarray, order: Any, writable: bool, recwarn: pytest.WarningsRecorder
) -> None:
    given = np.array(features, order=order)
    given.flags.writeable = writable
    codes = encode(make_hasher().model.encoder, given)
    np.testing.assert_array_equal(codes, expected_codes(make_hasher(), features))
    np.testing.assert_array_equal(given, features)
    assert not [one for one in recwarn.list if one.category is not ResourceWarning]  # of files of earlier tests


def test_codes_are_the_signs_of_the_real_values(make_hasher: MakeHasher) -> None:
    features = np.random.default_rng(2).normal(size=(CHUNK + 300, 10))
    encoder = make_hasher().model.encoder
    values = real_values(encoder, features)
    assert values.dtype == np.float32 and values.shape == (CHUNK + 300, 13)
    np.testing.assert_allclose(values, expected_values(make_hasher(), features), atol=1e-5)
    np.testing.assert_array_equal(values > 0, encode(encoder, features))
    with pytest.raises(UserError, match="does not fit this hasher"):
        real_values(encoder, features[:, 1:])
    with pytest.raises(UserError, match=f"row {CHUNK} holds NaN"):
        real_values(encoder, np.where(np.arange(len(features))[:, None] == CHUNK, np.nan, features))
