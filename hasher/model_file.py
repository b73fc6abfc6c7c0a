"""Hashers on disk: one safetensors file with the weights, the training mean and the configuration. Never a pickle."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hasher.contract import Method, MethodConfig, Model
from hasher.data import EmbeddingSet, KnownSplit, SplitConfig
from hasher.encoding import encode
from hasher.errors import UserError, reason
from hasher.files import open_regular, write_atomically
from hasher.images.recipe import recipe_of
from hasher.json_text import parsed
from hasher.methods.registry import methods
from hasher.older_versions import made_before

FORMAT = "hagcn-hasher-3"
#: What earlier versions wrote.
FORMATS_BEFORE = {"hagcn-hasher-1": "0.1", "hagcn-hasher-2": "0.2"}


@dataclass(frozen=True)
class SavedHasher:
    """A trained model of a method, with its configuration and what is known of its origin (data set, seed, scores, …:
    values that JSON can hold)."""

    method: Method
    config: MethodConfig
    model: Model
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Width of the embeddings it takes (d)."""
        return self.model.encoder.width

    @property
    def settings(self) -> dict[str, Any]:
        """The method and its configuration, as values that JSON can hold."""
        return {"method": self.method.name, **self.method.settings(self.config)}

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal hash (BLAKE2b, 128 bits) of the encoder: two hashers of one fingerprint give the same codes."""
        digest = hashlib.blake2b(digest_size=16)
        for name, tensor in self.model.encoder.state_dict().items():
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()

    @property
    def recipe(self) -> Mapping[str, Any] | None:
        """How the embeddings it was trained on were made of images; None where it does not say."""
        found = self.about.get("recipe")
        return found if isinstance(found, dict) else None

    @property
    def known_split(self) -> KnownSplit | None:
        """The data and the split it was tested on, or None where that was not recorded."""
        fingerprint, split = self.about.get("fingerprint"), self.about.get("split")
        if not isinstance(fingerprint, str) or not isinstance(split, dict):
            return None
        return KnownSplit(fingerprint, SplitConfig.parse(split, "model's split"))

    def encode(self, features: NDArray[Any]) -> NDArray[np.bool_]:
        """Hash codes of embeddings (n, d) as booleans (n, bits), see `hasher.encoding.encode`."""
        return encode(self.model.encoder, features)


def origin_of(dataset: EmbeddingSet, split: SplitConfig) -> dict[str, Any]:
    """What a hasher's file says of the data it was trained and tested on."""
    recipe = recipe_of(dataset.about)
    known = {"dataset": dataset.name, "fingerprint": dataset.fingerprint, "split": split.model_dump()}
    return known if recipe is None else {**known, "recipe": recipe}


def to_bytes(hasher: SavedHasher) -> bytes:
    """The file's content."""
    metadata = {
        "format": FORMAT,
        "method": hasher.method.name,
        "config": hasher.config.model_dump_json(),
        "about": json.dumps(hasher.about, sort_keys=True),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in hasher.model.state_dict().items()}
    return save(tensors, {**metadata, "digest": _digest(metadata, tensors)})


def _digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 of all that a file says: its metadata but for this digest, and its weights."""
    digest = hashlib.sha256(json.dumps({**metadata, "digest": ""}, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name}{tensors[name].dtype}{tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_hasher(hasher: SavedHasher, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    write_atomically(path, to_bytes(hasher))


def is_hasher(path: Path) -> bool:
    """Whether a safetensors file is no file of embeddings: a hasher, or so damaged that `load_hasher` is to say so."""
    try:
        open_regular(path).close()  # the library maps whatever has the name
        with safe_open(path, framework="np") as file:
            return "method" in (file.metadata() or {}) or "encoder.mean" in file.keys()  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError):
        return True


def load_hasher(path: str | Path) -> SavedHasher:
    """Read a file that `save_hasher` wrote, onto the CPU. Raises `UserError` for anything else, and where weights or
    metadata are not those that were written; warns where a file of before there was a digest cannot tell."""
    try:
        open_regular(path).close()  # the library maps whatever has the name
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise UserError(f"{path}: no such model file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({reason(error)})") from None
    written = metadata.get("format")
    if written in FORMATS_BEFORE:
        raise made_before(path, "a hasher", FORMATS_BEFORE[written], "train it again")
    if written != FORMAT:
        raise UserError(f"{path}: not a hasher (format {written!r}, expected {FORMAT!r})")
    method = _method(metadata, path)
    config = method.parse(_json_object(metadata, "config", path), str(path))
    about = _json_object(metadata, "about", path)
    _check_weights(method, config, tensors, path)
    _check_digest(metadata, tensors, path)
    with torch.random.fork_rng(devices=[]):
        model = method.model(config, len(tensors["encoder.mean"]))
    model.load_state_dict(tensors)
    return SavedHasher(method, config, model.eval(), about)


def _method(metadata: dict[str, str], path: str | Path) -> Method:
    name = metadata.get("method", "")
    known = methods()
    if name not in known:
        raise UserError(f"{path}: of the method {name!r}, which is not installed here ({', '.join(known)})")
    return known[name]


def _json_object(metadata: dict[str, str], key: str, path: str | Path) -> dict[str, Any]:
    try:
        value = parsed(metadata[key])
    except (KeyError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{path}: a damaged hasher: its metadata hold no JSON object as {key!r}")
    return value


def _check_digest(metadata: Mapping[str, str], tensors: Mapping[str, Tensor], path: str | Path) -> None:
    if "digest" not in metadata:
        warnings.warn(
            f"{path}: without a digest of its content, as files were written before: changes would go unnoticed",
            stacklevel=3,
        )
    elif metadata["digest"] != _digest(metadata, tensors):
        raise UserError(
            f"{path}: a damaged hasher: its weights or metadata are not those that were written (the digest differs); "
            "restore it from a copy, or have it made again"
        )


def _check_weights(method: Method, config: MethodConfig, tensors: dict[str, Tensor], path: str | Path) -> None:
    """Refuse weights of other names, shapes or types than `config` asks for, before memory is given to them."""
    mean = tensors.get("encoder.mean")
    if mean is None or mean.ndim != 1 or len(mean) == 0:
        raise UserError(f"{path}: weights do not fit the configuration (no training mean, 'encoder.mean')")
    try:
        with torch.device("meta"):
            expected = method.model(config, len(mean)).state_dict()
    except (RuntimeError, OverflowError, TypeError, MemoryError):  # sizes beyond what torch can count
        raise UserError(f"{path}: weights do not fit the configuration (its sizes are beyond any memory)") from None
    for name in sorted(expected.keys() | tensors.keys()):
        problem = _problem(expected.get(name), tensors.get(name))
        if problem:
            raise UserError(f"{path}: weights do not fit the configuration ({name} {problem})")


def _problem(expected: Tensor | None, found: Tensor | None) -> str:
    if expected is None:
        return "is not part of it"
    if found is None:
        return "is missing"
    if found.shape != expected.shape:
        return f"has shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    if found.dtype != expected.dtype:
        return f"is {found.dtype}, expected {expected.dtype}"
    return "" if bool(found.isfinite().all()) else "holds NaN or infinity"
