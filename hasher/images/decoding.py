"""The bytes of an image file to an RGB picture, or to the reason why there is none."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

#: Pixels decoded at most unless the user says otherwise: where Pillow itself begins to suspect an attack.
DEFAULT_MAX_PIXELS = 89_478_485

#: Images of more pixels than this are decoded one at a time, so that memory holds one of them and not one a thread.
LARGE = 8_000_000


class UnusableImage(Exception):
    """An image that gives no picture; the message says why in a few words."""


class Decoder:
    """Decodes images in several threads at once.

    - The first picture of an animation, upright as its EXIF orientation asks for, without regard to colour profiles.
    - Transparent pixels are laid on white. Grey images of 16 bits are scaled to 8; other wide ones (32-bit integers and
      floats) are stretched from their least to their greatest value.
    - A JPEG of more than `max_pixels` is decoded at a half, a quarter or an eighth of its size, where that is small
      enough. Everything else above the limit is unusable, as is what Pillow cannot read to the end.

    Args:
        max_pixels: most pixels of one decoded image.
    """

    def __init__(self, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        self._max_pixels = max_pixels
        self._one_large = threading.Lock()

    @contextmanager
    def picture(self, content: bytes) -> Iterator[Image.Image]:
        """The picture in `content`, RGB; a large one keeps other large ones waiting until the context is left.

        Raises `UnusableImage`.
        """
        image = self._opened(content)
        if image.width * image.height <= LARGE:
            yield _as_picture(image)
            return
        with self._one_large:
            yield _as_picture(image)

    def _opened(self, content: bytes) -> Image.Image:
        """The image with its size known, not decoded yet."""
        try:
            image = Image.open(io.BytesIO(content))
        except UnidentifiedImageError:
            raise UnusableImage("cannot be decoded (of no known image format)") from None
        except Exception as error:  # each format's parser raises its own on a damaged header
            raise UnusableImage(f"cannot be decoded ({_reason(error)})") from None
        if image.width * image.height > self._max_pixels and image.format in ("JPEG", "MPO"):
            self._shrink(image)
        if image.width * image.height > self._max_pixels:
            raise UnusableImage(f"{image.width} × {image.height} pixels, more than {self._max_pixels:,}")
        return image

    def _shrink(self, image: Image.Image) -> None:
        """Ask the JPEG decoder for the largest size that is allowed."""
        for divisor in (2, 4, 8):
            size = (image.width // divisor, image.height // divisor)
            if size[0] * size[1] <= self._max_pixels:
                image.draft(image.mode, size)
                return


@contextmanager
def without_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own limit, which one setting of the whole process governs: `Decoder` keeps a tighter one."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _as_picture(image: Image.Image) -> Image.Image:
    try:
        image.load()
        return _upright(_in_rgb(image))
    except MemoryError:
        raise UnusableImage(f"{image.width} × {image.height} pixels do not fit into memory") from None
    except Exception as error:  # as above: truncated and damaged data
        raise UnusableImage(f"cannot be decoded ({_reason(error)})") from None


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image) / 257)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        low, high = values.min(), values.max()
        return _grey((values - low) * (255 / (high - low) if high > low else 0))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values).astype(np.uint8)).convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    canvas.info["exif"] = image.info.get("exif", b"")
    return canvas


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about the picture
        return image


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
