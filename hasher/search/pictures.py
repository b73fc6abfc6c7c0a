"""Pictures of items, small enough for a contact sheet: from image files, or from embeddings that are pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hasher.files import read_regular
from hasher.images.decoding import Decoder, UnusableImage, without_pillow_limit

#: Longest side of a picture that is kept.
SIDE = 192

#: Bytes of an image file that are read; `paths` of a file may name anything.
LARGEST = 1 << 28


@dataclass(frozen=True, eq=False)
class Picture:
    """uint8 pixels (height, width, 3), or None and the reason why there are none."""

    pixels: NDArray[np.uint8] | None
    problem: str = ""


#: From an item's place among the vectors or codes of a source to its picture.
PictureOf = Callable[[int], Picture]


def from_files(paths: NDArray[np.str_], folder: Path) -> PictureOf:
    """Pictures of the image files at `paths`; `folder` is where relative paths start."""
    decoder = Decoder()

    def picture(item: int) -> Picture:
        try:
            content = read_regular(folder / paths[item], LARGEST)
            with without_pillow_limit(), decoder.picture(content) as image:
                image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
                return Picture(np.asarray(image))
        except OSError as error:
            return Picture(None, error.strerror or "cannot be read")
        except UnusableImage as error:
            return Picture(None, str(error))

    return picture


def from_pixels(features: NDArray[np.float32], shape: tuple[int, int]) -> PictureOf:
    """Pictures of vectors (n, d) that are pixels themselves, in grey: the least value white and the greatest black."""

    def picture(item: int) -> Picture:
        values = features[item].reshape(shape).astype(np.float64)
        values -= values.min()
        grey = 255 - np.rint(values * (255 / max(values.max(), 1e-30)))
        return Picture(np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2))

    return picture
