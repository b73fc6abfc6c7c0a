"""Vision models of the transformers library: by hub id or from a local directory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL.Image import Image
from PIL.Image import new as new_image

from hasher.errors import UserError
from hasher.files import open_regular
from hasher.images.backbones import DEFAULT_BACKBONE, Backbone, Computing, stacked
from hasher.images.quiet import errors_only

#: Commits of models that are pinned unless the user names another.
REVISIONS = {DEFAULT_BACKBONE: "b4569560a39a0f1af58e3ddaf17facf20ab919b0"}

#: What one image's vector is: the class token, the model's own pooled output, or the mean over tokens or places.
POOLINGS = ("class", "pooler", "mean")

#: Last parts of the names that the parameter of a class token has.
CLASS_TOKENS = ("cls_token", "class_embedding", "class_token")


class VisionTransformer(Backbone):
    """A vision model of transformers with its image processor, run without torchvision.

    The vector is the class token after the last layer where the model has one (ViT, DeiT, BEiT, DINOv2, CLIP …), else
    the model's pooled output (ConvNeXt, ResNet, Swin, SigLIP …), else the mean over all tokens or places. Of a model of
    images and texts the part for images is used.

    Args:
        name: hub id or local directory.
        revision: commit, tag or branch on the hub; None takes the pinned or the newest one.
        pooling: one of `POOLINGS`; None chooses as above.
        computing: where and how exactly to compute.

    Raises:
        UserError: the model cannot be had, is no vision model, lacks weights that are used, or cannot be pooled so.
    """

    def __init__(self, name: str, revision: str | None, pooling: str | None, computing: Computing) -> None:
        self._computing = computing
        revision = revision or REVISIONS.get(name)
        model, missing = _model(name, revision)
        self._processor = _processor(name, revision)
        self._model = model.eval().to(computing.device)
        self._pooling = pooling or self._natural_pooling()
        self.embed([self._blank()])  # says at once where this pooling is not to be had
        _refuse_untrained(name, missing, self._pooling)
        self.about = {
            "backbone": name,
            "revision": _directory_digest(Path(name)) if Path(name).is_dir() else _commit(model, revision),
            "model": type(model).__name__,
            "pooling": self._pooling,
            "preprocessing": _plain(self._processor.to_dict()),
        }

    def preprocess(self, picture: Image) -> NDArray[np.float32]:
        values = self._processor(images=picture, input_data_format="channels_last", return_tensors="np")
        return np.asarray(values["pixel_values"][0], dtype=np.float32)

    @torch.inference_mode()
    def embed(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        return _pooled(self._output(inputs), self._pooling).float().cpu().numpy()

    def _output(self, inputs: Sequence[Any]) -> Any:
        batch = stacked(inputs).to(self._computing.device)
        with self._computing.running():
            return self._model(pixel_values=batch)

    def _blank(self) -> NDArray[np.float32]:
        return self.preprocess(new_image("RGB", (64, 64), "white"))

    @torch.inference_mode()
    def _natural_pooling(self) -> str:
        if any(name.rpartition(".")[2] in CLASS_TOKENS for name, _ in self._model.named_parameters()):
            return "class"
        return "mean" if getattr(self._output([self._blank()]), "pooler_output", None) is None else "pooler"


def _model(name: str, revision: str | None) -> tuple[torch.nn.Module, set[str]]:
    """The part of the model for images, and its weights that the checkpoint lacks."""
    transformers = _library()
    try:
        with errors_only():  # missing weights are our own business, see `_refuse_untrained`
            model, report = transformers.AutoModel.from_pretrained(name, revision=revision, output_loading_info=True)
    except Exception as error:  # the library passes on whatever its network, cache and file parsers raise
        raise UserError(_not_had(name, error)) from None
    model = getattr(model, "vision_model", model)
    if getattr(model, "main_input_name", "pixel_values") != "pixel_values":
        raise UserError(
            f"--backbone {name}: {type(model).__name__} takes {model.main_input_name}, expected a vision model"
        )
    return model, {str(key) for key in report["missing_keys"]}


def _processor(name: str, revision: str | None) -> Any:
    transformers = _library()
    try:
        with errors_only():
            return transformers.AutoImageProcessor.from_pretrained(name, revision=revision, backend="pil")
    except Exception as error:  # as above
        raise UserError(f"--backbone {name}: no usable preprocessor_config.json ({_reason(error)})") from None


def _library() -> Any:
    try:
        import transformers
    except ImportError:
        raise UserError("the transformers library is missing; install it with `pip install -e .[images]`") from None
    return transformers


def _pooled(output: Any, pooling: str) -> torch.Tensor:
    """Vectors (n, d) from the model's output, whose last hidden state is (n, tokens, d) or (n, d, height, width)."""
    hidden: torch.Tensor = output.last_hidden_state
    if pooling == "class":
        if hidden.ndim != 3:
            raise UserError("--pooling class: the model has no tokens, use pooler or mean")
        return hidden[:, 0]
    if pooling == "pooler":
        pooled: torch.Tensor | None = getattr(output, "pooler_output", None)
        if pooled is None:
            raise UserError("--pooling pooler: the model has no pooled output, use class or mean")
        return pooled.flatten(1)
    return hidden.mean(dim=1) if hidden.ndim == 3 else hidden.flatten(2).mean(dim=2)


def _refuse_untrained(name: str, missing: set[str], pooling: str) -> None:
    used = sorted(key for key in missing if pooling == "pooler" or "pooler" not in key)
    if used:
        raise UserError(f"--backbone {name}: the checkpoint lacks {used[0]} ({len(used)} weights), it would be random")


def _commit(model: torch.nn.Module, revision: str | None) -> str | None:
    return getattr(getattr(model, "config", None), "_commit_hash", None) or revision


def _directory_digest(folder: Path) -> str:
    """Stands for the revision of a model on disk: a hash of its configuration and weights."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".bin"):
            digest.update(path.name.encode())
            with open_regular(path) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` as JSON gives them back, without those that are not set."""
    return {key: _as_json(value) for key, value in sorted(values.items()) if value is not None}


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return value if isinstance(value, bool | int | float | str) else str(value)


def _not_had(name: str, error: Exception) -> str:
    if Path(name).is_dir():
        return f"--backbone {name}: not a model that transformers can load ({_reason(error)})"
    return (
        f"--backbone {name}: no directory of this name, and the Hugging Face hub does not give it ({_reason(error)}); "
        f"connect to the internet, or name a local directory or module:function"
    )


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
