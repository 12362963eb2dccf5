"""Pictures of one number a pixel: which number is black and which is white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.picture_files import RAMP, grey, tiff

from pycnn.datasets.picture import read_picture, read_squares


@pytest.mark.parametrize("white", [1, 255, 65535])
@pytest.mark.parametrize("excess", [1.02, 1.2, -0.01, -0.2])
def test_floats_a_little_beyond_their_range_are_cut_off(
    white: int, excess: float, tmp_path: Path
) -> None:
    """One pixel of 1.02 made all others black, one of -0.01 made grey white."""
    samples = (RAMP * (white / 255)).astype("<f4")
    samples[1, 3] = excess * white
    expected = RAMP.copy()
    expected[1, 3] = 255 if excess > 0 else 0
    np.testing.assert_array_equal(grey(tiff(tmp_path / "f.tif", samples)), expected)


def test_one_float_in_a_thousand_far_beyond_the_range_is_cut_off(tmp_path: Path) -> None:
    samples = np.full((40, 50), 0.5, "<f4")
    samples[3, 4], samples[5, 6] = 40, -7
    expected = np.full((40, 50), 128)
    expected[3, 4], expected[5, 6] = 255, 0
    np.testing.assert_array_equal(grey(tiff(tmp_path / "hot.tif", samples)), expected)
    # Few stars in the dark are not far beyond: all that is not black is so bright.
    samples[:] = 0
    samples[3, 4], samples[5, 6] = 255, 51
    found = grey(tiff(tmp_path / "stars.tif", samples))
    assert (found.max(), found[5, 6], found[0, 0]) == (255, 51, 0)


@pytest.mark.parametrize("dtype", ["<i4", "<u4", ">i4", "<i2", ">i2", "i1", "<f4"])
def test_a_mask_of_0_and_1_is_black_and_white(dtype: str, tmp_path: Path) -> None:
    mask = np.eye(5, dtype=dtype)
    np.testing.assert_array_equal(grey(tiff(tmp_path / "mask.tif", mask)), np.eye(5) * 255)


@pytest.mark.parametrize(
    ("dtype", "white"),
    [("<u4", 2**32 - 1), ("<i4", 2**31 - 1), ("<i2", 2**15 - 1), (">i2", 2**15 - 1), ("i1", 127)],
)
def test_the_range_of_integers_is_that_of_their_sign(
    dtype: str, white: int, tmp_path: Path
) -> None:
    """Without a sign the halves were exchanged, with one of 16 and 8 bits white was grey."""
    samples = np.round(RAMP / 255 * white).astype(dtype)
    np.testing.assert_allclose(grey(tiff(tmp_path / "i.tif", samples)), RAMP, atol=1)
    if dtype != "<u4":
        samples = np.round((RAMP / 255 * 2 - 1) * white).astype(dtype)
        np.testing.assert_allclose(grey(tiff(tmp_path / "s.tif", samples)), RAMP, atol=1)


@pytest.mark.parametrize(
    ("dtype", "white_is_zero", "text"),
    [
        ("<f2", False, "little-endian 16-bit floats"),
        ("<f8", False, "little-endian 64-bit floats"),
        (">u4", False, "big-endian 32-bit integers without a sign"),
        (">u2", True, "big-endian 16-bit integers without a sign, 0 is white"),
    ],
)
def test_a_tiff_that_is_not_read_is_told_with_its_kind(
    dtype: str, white_is_zero: bool, text: str, tmp_path: Path
) -> None:
    path = tiff(tmp_path / "x.tif", RAMP.astype(dtype), white_is_zero=white_is_zero)
    with pytest.raises(ValueError, match=rf"x\.tif is not .* a TIFF of {text}"):
        read_picture(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "RGB", "F", "I;16"])
def test_a_large_picture_is_converted_in_parts_as_a_small_one_is(mode: str, tmp_path: Path) -> None:
    """Each square of 40 rows and columns is a pixel of the small one."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 2, (50, 60), np.uint8) * 255)
    large = small.resize((2400, 2000), Image.Resampling.NEAREST)
    for picture, name in ((small, "small.tif"), (large, "large.tif")):
        if mode in ("F", "I;16"):
            dtype = np.float32 if mode == "F" else np.uint16
            picture = Image.fromarray(np.asarray(picture, dtype) / dtype(255) * dtype(257))
        picture.convert(mode).save(tmp_path / name)
    found = read_picture(tmp_path / "large.tif", 25)
    np.testing.assert_array_equal(found, read_picture(tmp_path / "small.tif"))


def test_the_middle_of_a_long_picture_is_where_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 201, 3), np.uint8)
    for turned in (pixels, pixels.swapaxes(0, 1)):
        Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "long.png")
        whole = read_picture(tmp_path / "long.png")
        assert max(whole.size) == 201
        assert max(read_picture(tmp_path / "long.png", middle=True).size) < 100
        middle = np.asarray(turned)[:, 85:115] if turned is pixels else turned[85:115]
        found = read_squares([tmp_path / "long.png"], 30, 30)[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(found, middle)
