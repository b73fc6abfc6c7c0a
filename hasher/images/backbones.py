"""What turns pictures into vectors, and how a person names it."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image

from hasher.errors import UserError

#: ViT-B/16 pretrained on ImageNet-21k: 768 values, the paper's backbone.
DEFAULT_BACKBONE = "google/vit-base-patch16-224-in21k"

#: Types that `--precision` names. Mixed: the weights stay in float32, matrix products are taken in the type named.
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Computing:
    """Where and how exactly a backbone computes.

    Attributes:
        device: of the model.
        precision: a key of `PRECISIONS`.
        threads: on a CPU, those that compute a batch: how a sum is split over them may change its last bits. None: as
            many as torch takes.
    """

    device: torch.device
    precision: str
    threads: int | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """The context in which to run a model."""
        exact = self.precision == "float32"
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            with nullcontext() if exact else torch.autocast(self.device.type, PRECISIONS[self.precision]):
                yield
        finally:
            torch.set_num_threads(before)


class Backbone(ABC):
    """Turns pictures into vectors.

    Attributes:
        about: what the embedding file records, ready for JSON: ``backbone``, ``revision``, ``preprocessing``.
    """

    about: Mapping[str, Any]

    @abstractmethod
    def preprocess(self, picture: Image) -> Any:
        """What `embed` takes, from one RGB picture; called from several threads at once.

        An array, or the picture itself for a backbone that takes pictures.
        """

    @abstractmethod
    def embed(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        """Vectors (n, d) of n preprocessed pictures."""


class CustomBackbone(Backbone):
    """What ``module:function`` returned: see `load_custom`."""

    def __init__(self, compute: Callable[..., Any], about: Mapping[str, Any], computing: Computing) -> None:
        self.about = about
        self._compute, self._computing = compute, computing
        self._preprocess: Callable[[Image], Any] | None = getattr(compute, "preprocess", None)
        if isinstance(compute, torch.nn.Module):
            compute.eval().to(computing.device)

    def preprocess(self, picture: Image) -> Any:
        return picture if self._preprocess is None else np.asarray(self._preprocess(picture))

    @torch.inference_mode()
    def embed(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        batch = list(inputs) if self._preprocess is None else stacked(inputs).to(self._computing.device)
        with self._computing.running():
            vectors = self._compute(batch)
        if isinstance(vectors, torch.Tensor):
            vectors = vectors.float().cpu().numpy()
        return np.asarray(vectors, dtype=np.float32)


def stacked(inputs: Sequence[NDArray[Any]]) -> torch.Tensor:
    """One tensor (n, …) of n arrays. Raises `UserError` where their shapes differ."""
    shapes = {array.shape for array in inputs}
    if len(shapes) > 1:
        found = " and ".join(map(str, sorted(shapes)[:2]))
        raise UserError(
            f"--backbone: its preprocessing gives arrays of shapes {found}, expected one shape for all images"
        )
    return torch.from_numpy(np.stack(inputs))


def is_custom(name: str) -> bool:
    """Whether `name` is of the form ``module:function``."""
    return ":" in name and not Path(name).exists()


def load_custom(name: str, computing: Computing) -> CustomBackbone:
    """The backbone that ``module:function`` makes.

    The function takes no arguments. It returns a callable that turns pictures into vectors (n, d), as a tensor or an
    array:

    - without an attribute ``preprocess`` the callable is given a list of n pictures (`PIL.Image.Image`, RGB, of any
      size). Nothing but the decoding is done in parallel then, and a batch of pictures is held in full size.
    - with one, ``preprocess(picture)`` gives an array of always the same shape; it is called in several threads. The
      callable is given n such arrays as one tensor (n, …) on the device.

    A `torch.nn.Module` is put into evaluation mode and moved to the device. A mapping ``about`` with facts such as the
    name and version of the weights and the preprocessing is recorded in the embedding file.

    Raises:
        UserError: no such module or function, or what it returns does not fit the above.
    """
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises
        raise UserError(
            f"--backbone {name}: {module_name} cannot be imported ({type(error).__name__}: {error})"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UserError(f"--backbone {name}: {module_name} has no function {function_name!r}")
    try:
        compute = function()
    except UserError:
        raise
    except Exception as error:  # as above
        raise UserError(f"--backbone {name}: the call failed ({_words(error)})") from error
    if not callable(compute):
        raise UserError(
            f"--backbone {name}: returned {type(compute).__name__}, expected a callable (pictures to vectors)"
        )
    return CustomBackbone(compute, _about(name, function, compute), computing)


def _about(name: str, function: Callable[..., Any], compute: Any) -> dict[str, Any]:
    about = {"backbone": name, "revision": _source_digest(function), "preprocessing": None}
    about |= dict(getattr(compute, "about", {}))
    try:
        return dict(json.loads(json.dumps(about)))
    except TypeError as error:
        raise UserError(f"--backbone {name}: `about` is not JSON ({error})") from None


def _source_digest(function: Callable[..., Any]) -> str:
    """Stands for the version of a function that names none: a hash of the file it is written in."""
    try:
        file = inspect.getsourcefile(function)
        return hashlib.blake2b(Path(file or "").read_bytes(), digest_size=16).hexdigest()
    except (OSError, TypeError):
        return "unknown"


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
