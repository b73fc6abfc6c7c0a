"""What is to be embedded, and how: all that a run is told, and all that its vectors depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from hasher.images.backbones import Computing
from hasher.images.decoding import DEFAULT_MAX_PIXELS
from hasher.images.sources import ImageSource, Rows

#: Libraries that vectors may depend on, and the modules they are installed as.
LIBRARIES = {"pillow": "PIL", "torch": "torch", "transformers": "transformers"}


@dataclass(frozen=True)
class Options:
    """How to go about it.

    Attributes:
        batch_size: images computed together.
        decoders: threads of a process that read, decode and preprocess; None: one a core, shared out among processes.
        max_pixels: most pixels of one decoded image.
        item: regular expression; images for whose paths it finds the same text show one item (see `named_items`).
        strict: an image that cannot be used is an error.
        restart: forget an unfinished run, and replace a finished file.
    """

    batch_size: int = 64
    decoders: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    item: str | None = None
    strict: bool = False
    restart: bool = False


@dataclass(frozen=True, eq=False)
class Task:
    """The images at `rows` of `source`, to be embedded."""

    source: ImageSource
    rows: Rows
    computing: Computing
    options: Options = field(default_factory=Options)

    def settings(self, about_backbone: Mapping[str, Any]) -> dict[str, Any]:
        """All that the vectors depend on besides the images, ready for JSON."""
        device = self.computing.device.type
        return {
            "source": dict(self.source.about),
            **about_backbone,
            "precision": self.computing.precision,
            "device": device,
            "threads": self.computing.threads if device == "cpu" else None,
            "batch_size": self.options.batch_size,
            "max_pixels": self.options.max_pixels,
            "group": self.options.item,
            "versions": {name: version(name) for name, module in LIBRARIES.items() if find_spec(module)},
        }
