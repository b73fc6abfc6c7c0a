"""Decoding: colours, transparency, depth, orientation, sizes, and what is no picture."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hasher.images.decoding import Decoder, UnusableImage, without_pillow_limit


def encoded(image, suffix="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, suffix, **options)
    return stream.getvalue()


def decoded(content, **options):
    with Decoder(**options).picture(content) as picture:
        assert picture.mode == "RGB"
        return np.asarray(picture).astype(int)


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


def test_an_rgb_image_is_itself():
    pixels = noise(7, 5, 3)
    assert np.array_equal(decoded(encoded(Image.fromarray(pixels))), pixels)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_lie_on_white(mode):
    pixels = noise(9, 8, len(mode))
    colour, alpha = pixels[..., :-1].astype(float), pixels[..., -1:] / 255
    expected = np.broadcast_to(colour * alpha + 255 * (1 - alpha), (9, 8, 3))
    assert np.abs(decoded(encoded(Image.fromarray(pixels, mode))) - expected).max() <= 1


def test_a_transparent_palette_colour_is_white():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((0, 0), 0)
    picture = decoded(encoded(image, transparency=1))
    assert picture[0, 0].tolist() == [10, 20, 30] and picture[1, 1].tolist() == [255, 255, 255]


def test_a_palette_of_bytes_of_transparency_is_blended():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([100, 100, 100, 0, 0, 0])
    image.putpixel((1, 0), 1)
    picture = decoded(encoded(image, transparency=bytes([51, 255])))
    assert picture[0, :, 0].tolist() == [224, 0]  # 100 · 0.2 + 255 · 0.8


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20))
def test_sixteen_bits_become_eight_by_scale(values):
    image = Image.fromarray(np.array([values], dtype=np.uint16))
    assert np.abs(decoded(encoded(image))[0, :, 0] - np.array(values) / 257).max() <= 0.5


def test_floats_are_stretched():
    image = Image.fromarray(np.array([[-2.0, 0.0, 2.0]], dtype=np.float32))
    assert decoded(encoded(image, "TIFF"))[0, :, 0].tolist() == [0, 128, 255]


def test_cmyk_becomes_what_pillow_makes_of_it():
    image = Image.fromarray(noise(16, 16, 3)).resize((64, 64)).convert("CMYK")
    content = encoded(image, "JPEG", quality=95)
    assert np.array_equal(decoded(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


def test_exif_orientation_turns_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: the first row is the right edge
    pixels = noise(4, 6, 3)
    assert np.array_equal(decoded(encoded(Image.fromarray(pixels), exif=exif)), np.rot90(pixels, -1))
    opaque = np.dstack([pixels, np.full((4, 6), 255, np.uint8)])
    assert np.array_equal(decoded(encoded(Image.fromarray(opaque), exif=exif)), np.rot90(pixels, -1))


def test_the_first_picture_of_an_animation():
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    assert decoded(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_image_is_unusable(content):
    with pytest.raises(UnusableImage, match="cannot be decoded"):
        decoded(content)


@pytest.mark.parametrize("suffix", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"])
def test_a_cut_off_image_is_unusable(suffix):
    content = encoded(Image.fromarray(noise(64, 64, 3)), suffix)
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(UnusableImage):
            decoded(content[: int(len(content) * share)])


def test_an_enormous_image_is_refused_before_it_is_decoded():
    content = encoded(Image.new("1", (30_000, 20_000)))  # 600 megapixels in some kilobytes
    with without_pillow_limit(), pytest.raises(UnusableImage, match=r"30000 × 20000 pixels, more than 89,478,485"):
        decoded(content)
    with pytest.raises(UnusableImage):  # Pillow's own limit
        decoded(content, max_pixels=10**9)


def test_a_large_jpeg_is_decoded_smaller():
    gradient = np.repeat(np.linspace(0, 255, 640, dtype=np.uint8)[None], 400, axis=0)
    content = encoded(Image.fromarray(gradient), "JPEG", quality=95)
    assert decoded(content, max_pixels=640 * 400).shape == (400, 640, 3)
    small = decoded(content, max_pixels=640 * 400 - 1)
    assert small.shape == (200, 320, 3)
    assert np.abs(small[..., 0] - gradient[::2, ::2]).max() <= 3
    assert decoded(content, max_pixels=4000).shape == (50, 80, 3)
    with pytest.raises(UnusableImage, match="more than 3,999"):
        decoded(content, max_pixels=3999)


def test_pillows_limit_is_put_back():
    before = Image.MAX_IMAGE_PIXELS
    with without_pillow_limit():
        assert Image.MAX_IMAGE_PIXELS is None
    assert before == Image.MAX_IMAGE_PIXELS
