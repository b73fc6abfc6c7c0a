"""Hashers on disk: one safetensors file with the weights, the training mean and the configuration. Never a pickle."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from hasher.config import HasherConfig
from hasher.errors import UserError
from hasher.files import write_atomically
from hasher.model import HAGCN

FORMAT = "hagcn-hasher-1"


@dataclass(frozen=True)
class SavedHasher:
    """A trained model and what is known of its origin (data set, seed, scores, …: values that JSON can hold)."""

    model: HAGCN
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> HasherConfig:
        return self.model.config


def to_bytes(hasher: SavedHasher) -> bytes:
    """The file's content."""
    metadata = {
        "format": FORMAT,
        "config": hasher.config.model_dump_json(),
        "about": json.dumps(hasher.about, sort_keys=True),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in hasher.model.state_dict().items()}
    return save(tensors, metadata)


def save_hasher(hasher: SavedHasher, path: Path) -> None:
    """Write the file; it appears whole or not at all."""
    write_atomically(path, to_bytes(hasher))


def load_hasher(path: Path) -> SavedHasher:
    """Read a file that `save_hasher` wrote, onto the CPU. Raises `UserError` for anything else."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise UserError(f"{path}: no such model file") from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error})") from None
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path}: not a hasher (format {metadata.get('format')!r}, expected {FORMAT!r})")
    config = HasherConfig.parse(json.loads(metadata["config"]), str(path))
    with torch.random.fork_rng(devices=[]):
        model = HAGCN(config, tensors["encoder.mean"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"{path}: weights do not fit the configuration ({str(error).splitlines()[0]})") from None
    return SavedHasher(model.eval(), json.loads(metadata["about"]))
