"""Tensors by name: a safetensors file, or what ``torch.save`` wrote, mapped into memory."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hasher.data.arrays import Arrays
from hasher.data.keys import Keys
from hasher.errors import UserError, reason


def read_safetensors(path: Path, keys: Keys) -> Arrays:
    """Its tensors that mean something here. Raises `UserError` for a file that is damaged or lacks a tensor named."""
    from safetensors import SafetensorError, safe_open  # with torch, which takes seconds

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            parts = _parts(keys.find(names, str(path)), file.get_tensor)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({reason(error)})") from None
    return Arrays(path.stem, str(path), tuple(names), parts)


def read_torch(path: Path, keys: Keys) -> Arrays:
    """A tensor (n, d), or a mapping of names to tensors and lists; of no other Python objects (``weights_only``).

    Raises `UserError` for anything else.
    """
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch passes on whatever its parsers raise on a damaged file
        is_foreign = isinstance(error, pickle.UnpicklingError)
        why = "it holds Python objects besides tensors" if is_foreign else reason(error)
        raise UserError(f"{path}: not a file of tensors that torch.save wrote ({why})") from None
    if isinstance(held, torch.Tensor):
        return Arrays(path.stem, str(path), ("a tensor",), {"features": _array(held)})
    if not isinstance(held, Mapping):
        raise UserError(f"{path}: holds a {type(held).__name__}, expected a tensor or a mapping of names to tensors")
    names = [str(name) for name in held]
    parts = _parts(keys.find(names, str(path)), held.__getitem__)
    return Arrays(path.stem, str(path), tuple(names), parts)


def _parts(found: Mapping[str, str], held: Callable[[str], Any]) -> dict[str, NDArray[Any]]:
    """``class_names`` only where labels are a matrix of columns to be named; else they may be anything."""
    parts = {part: _array(held(key)) for part, key in found.items() if part != "class_names"}
    if "class_names" in found and "labels" in parts and parts["labels"].ndim == 2:
        parts["class_names"] = _array(held(found["class_names"]))
    return parts


def _array(values: Any) -> NDArray[Any]:
    import torch

    if not isinstance(values, torch.Tensor):
        return np.asarray(values)
    values = values.detach()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
