"""Figures as data URIs, for pages that need no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

from analysis.figures.writing import Files

#: Larger SVG files give way to the PNG of the same figure.
LARGEST_SVG = 160_000
#: Data sets from which on a page holds pictures of `COLOURS` colours, a third of the bytes; files are as ever.
MANY_DATASETS = 4
COLOURS = 128

#: From the files of a figure to its data URI.
Embedding = Callable[[Files], str]


def embedding_for(datasets: int) -> Embedding:
    """How a page of the figures of so many data sets holds them."""
    return in_few_colours if datasets >= MANY_DATASETS else sharp


def sharp(files: Files) -> str:
    """The SVG file, or of a large one the PNG file."""
    if files.svg.stat().st_size <= LARGEST_SVG:
        return _uri("svg+xml", files.svg.read_bytes())
    return _uri("png", files.png.read_bytes())


def in_few_colours(files: Files) -> str:
    """The PNG file with a palette."""
    content = io.BytesIO()
    with Image.open(files.png) as image:
        few = image.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(content, "png", optimize=True)
    return _uri("png", content.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
