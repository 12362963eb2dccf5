"""Every kind of picture file: right as red, green and blue, or refused with its name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.picture_files import RAMP, grey, tiff

from pycnn.datasets import ImageFolder
from pycnn.datasets.picture import read_picture, read_squares


def png(path: Path, samples: np.ndarray, colour: int, transparent: bytes) -> Path:
    """Write a PNG of 16 bits with a transparent colour."""
    height, width = samples.shape[:2]

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
        + chunk(b"tRNS", transparent)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        ("<f4", 1 / 255), ("<f4", 1), ("<f4", 257), (">f4", 1 / 255), ("<i4", 1), ("<i4", 257),
        (">i4", 257), ("<u2", 257), (">u2", 257), ("<u1", 1), ("<f4", 1e6), ("<i4", 8_000_000),
    ],
)  # fmt: skip
def test_float_and_deep_tiffs_are_neither_black_nor_white(
    dtype: str, scale: float, tmp_path: Path
) -> None:
    samples = np.asarray(RAMP * scale, dtype)
    np.testing.assert_array_equal(grey(tiff(tmp_path / "deep.tif", samples)), RAMP)
    inverted = tiff(tmp_path / "inverted.tif", samples, white_is_zero=True)
    if dtype not in ("<i4", ">i4", ">u2"):  # which Pillow does not know
        np.testing.assert_array_equal(grey(inverted), 255 - RAMP)
    else:
        with pytest.raises(ValueError, match=r"inverted\.tif is not a readable picture"):
            read_picture(inverted)


def test_numbers_below_zero_are_scaled_and_no_number_is_refused(tmp_path: Path) -> None:
    samples = (RAMP / 255 * 6 - 3).astype("<f4")
    np.testing.assert_array_equal(grey(tiff(tmp_path / "below.tif", samples)), RAMP)
    flat = np.full((2, 3), -5, "<i4")
    np.testing.assert_array_equal(grey(tiff(tmp_path / "flat.tif", flat)), np.zeros((2, 3)))
    for value in (np.nan, np.inf):
        samples[0, 0] = value
        path = tiff(tmp_path / "nan.tif", samples)
        with pytest.raises(ValueError, match=r"nan\.tif is not a readable picture: it holds NaN"):
            read_picture(path)


def test_transparent_colours_of_16_bits_are_white(tmp_path: Path) -> None:
    samples = RAMP * 257
    path = png(tmp_path / "grey.png", samples, 0, struct.pack(">H", samples[0, 3]))
    expected = np.where(samples[0, 3] == samples, 255, RAMP)
    np.testing.assert_array_equal(grey(path), expected)
    colours = np.stack([samples, samples[:, ::-1], samples * 0], axis=2)
    path = png(tmp_path / "rgb.png", colours, 2, colours[0, 3].astype(">u2").tobytes())
    found = np.asarray(read_picture(path))
    clear = (colours == colours[0, 3]).all(axis=2)
    assert clear.any()
    np.testing.assert_array_equal(found[clear], 255)
    np.testing.assert_array_equal(found[~clear], (colours // 257)[~clear])


@pytest.mark.parametrize("clear", [0x1200, 0x0012])
def test_colours_with_the_same_upper_half_as_the_transparent_one_stay(
    clear: int, tmp_path: Path
) -> None:
    """0x12ff was cleared with 0x1200; and 0x1234, in the place of 0x0012."""
    samples = np.array([0x1200, 0x12FF, 0x1234, 0x0012, 0x0013] * 40).reshape(100, 2)
    path = png(
        tmp_path / "near.png", np.stack([samples] * 3, 2), 2, struct.pack(">3H", *[clear] * 3)
    )
    # The remaining pixels are dark, so the background is white.
    np.testing.assert_array_equal(grey(path), np.where(samples == clear, 255, samples >> 8))


# Modes that Pillow writes to each format; of others it knows no file.
WRITTEN = {
    "png": ("1", "L", "P", "LA", "RGBA", "I;16"),
    "tif": ("1", "L", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr", "I;16"),
    "gif": ("1", "L", "P", "LA", "RGBA"),
    "webp": ("1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"),
    "jpg": ("1", "L", "CMYK", "YCbCr"),
    "bmp": ("1", "L", "P", "RGBA"),
    "ppm": ("1", "L", "RGBA", "I;16"),
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix, modes in WRITTEN.items() for mode in modes]
)
def test_what_pillow_writes_comes_back(mode: str, suffix: str, tmp_path: Path) -> None:
    shown = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, axis=1).repeat(16, axis=0))
    deep = Image.fromarray(np.asarray(shown).astype(np.uint16) * 257)
    picture = deep if mode == "I;16" else shown.convert(mode)
    path = tmp_path / f"half.{suffix}"
    picture.save(path)
    np.testing.assert_allclose(grey(path), np.asarray(shown), atol=8)
    squares = read_squares([path], 16, 16)
    np.testing.assert_allclose(squares[0, 0], np.asarray(shown), atol=8)


def test_clear_parts_are_white_whatever_lies_under_them(tmp_path: Path) -> None:
    alpha = np.array([[0, 128, 255]], np.uint8)
    half = Image.fromarray(np.stack([np.zeros((1, 3), np.uint8), alpha], axis=2))
    for mode in ("LA", "RGBA"):
        half.convert(mode).save(tmp_path / "alpha.png")
        np.testing.assert_array_equal(grey(tmp_path / "alpha.png"), [[255, 127, 0]])
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    indexed = palette.convert("P")
    indexed.save(tmp_path / "levels.png", transparency=bytes([0, 128, 255]))
    np.testing.assert_allclose(grey(tmp_path / "levels.png"), [[255, 128, 2]], atol=1)


def test_white_strokes_on_a_clear_ground_are_seen(tmp_path: Path) -> None:
    alpha = np.zeros((9, 9), np.uint8)
    alpha[1:8, 4], alpha[1:8, 5] = 255, 100
    for tone in (255, 230):
        strokes = np.stack([np.full_like(alpha, tone), alpha], axis=2)
        strokes[alpha == 0] = 0
        for mode in ("LA", "RGBA"):
            Image.fromarray(strokes).convert(mode).save(tmp_path / "white.png")
            expected = np.round(tone / 255 * alpha.astype(float))
            np.testing.assert_allclose(grey(tmp_path / "white.png"), expected, atol=1)
    # One dark pixel, and it is a picture for a white ground.
    strokes[4, 4] = 0, 255
    Image.fromarray(strokes).save(tmp_path / "dark.png")
    assert grey(tmp_path / "dark.png")[0, 0] == 255
    clear = Image.new("LA", (3, 3), (255, 0))
    clear.save(tmp_path / "clear.png")
    np.testing.assert_array_equal(grey(tmp_path / "clear.png"), 255)


def test_numbers_of_12_bits_and_dark_pictures_of_16_are_scaled_by_their_range(
    tmp_path: Path,
) -> None:
    # A row of two numbers of 12 bits takes three bytes (TIFF 6.0).
    levels = RAMP[0, :16] * 4095 // 255
    packed = "".join(f"{value:03x}" for value in levels)
    fields = [(256, 16), (257, 1), (258, 12), (259, 1), (262, 1), (273, 32), (277, 1), (278, 1),
              (279, 24)]  # fmt: skip
    data = b"II" + struct.pack("<HI", 42, 56) + bytes(24) + bytes.fromhex(packed)
    data += struct.pack("<H", 9)
    data += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    (tmp_path / "twelve.tif").write_bytes(data + bytes(4))
    np.testing.assert_allclose(grey(tmp_path / "twelve.tif")[0], RAMP[0, :16], atol=1)
    dark = np.array([[0, 100, 250, 250]], ">u2")
    head = b"P5 4 1 65535\n"
    (tmp_path / "dark.pgm").write_bytes(head + dark.tobytes())
    assert grey(tmp_path / "dark.pgm").max() == 0
    (tmp_path / "bright.pgm").write_bytes(head + (dark * 257).astype(">u2").tobytes())
    np.testing.assert_array_equal(grey(tmp_path / "bright.pgm"), dark)


def test_other_formats_are_refused_in_words(tmp_path: Path) -> None:
    for suffix in ("ico", "icns", "tga"):
        path = tmp_path / f"icon.{suffix}"
        Image.new("RGBA", (64, 64), "red").save(path)
        with pytest.raises(ValueError, match=rf"icon\.{suffix} is not .*its format is unknown"):
            read_picture(path)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"its format is unknown \(known are PNG, JPEG") as info:
        read_picture(tmp_path / "text.png")
    assert "_File" not in str(info.value)


def test_a_page_scanned_in_two_tones_at_600_dots_is_read(tmp_path: Path) -> None:
    Image.new("1", (4960, 7016), 1).save(tmp_path / "page.png")
    assert read_picture(tmp_path / "page.png").size == (4960, 7016)
    Image.new("1", (4960, 7016), 1).save(tmp_path / "page.tif", compression="group4")
    assert read_picture(tmp_path / "page.tif", 256).size == (552, 780)


def test_moving_pictures_show_their_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("L", (6, 4), tone) for tone in (40, 200, 90)]
    for suffix in ("gif", "png", "webp", "tif"):
        path = tmp_path / f"moving.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(grey(path), 40, atol=4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_a_camera_is_upright(orientation: int, tmp_path: Path) -> None:
    upright = np.array([[0, 60, 120], [180, 220, 255]], np.uint8)
    # Pixels as stored, for each way to hold the camera (EXIF 2.32, tag 274).
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}
    stored = np.rot90(upright, turns[orientation])
    if orientation in (2, 4):
        stored = stored[:, ::-1]
    elif orientation in (5, 7):
        stored = stored[::-1]
    exif = Image.Exif()
    exif[274] = orientation
    for suffix, factor in (("png", 1), ("tif", 1), ("png", 257), ("tif", 257)):
        path = tmp_path / f"turned{factor}.{suffix}"
        deep = np.ascontiguousarray(stored).astype(np.uint8 if factor == 1 else np.uint16) * factor
        picture = Image.fromarray(deep.astype(np.uint16) if factor > 1 else np.uint8(deep))
        picture.save(path, exif=exif)
        np.testing.assert_array_equal(grey(path), upright)


def test_linked_folders_of_a_class_are_read_once_and_loops_end(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "deeper"
    elsewhere.mkdir(parents=True)
    root = tmp_path / "root"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(root / name / "own.png")
    for folder in (elsewhere.parent, elsewhere):
        Image.new("L", (4, 4)).save(folder / "linked.png")
    (root / "cat" / "link").symlink_to(elsewhere.parent)
    (root / "cat" / "link2").symlink_to(elsewhere.parent)
    (root / "cat" / "loop").symlink_to(root / "cat")
    (root / "cat" / "up").symlink_to(root)
    (root / "dog" / "nowhere").symlink_to(tmp_path / "missing")
    (elsewhere / "back").symlink_to(elsewhere.parent)
    (root / "elk").symlink_to(elsewhere)  # a class that is a link itself
    data = ImageFolder(root, 4)
    names = [path[len(str(root)) + 1 :] for path in data.paths]
    assert names == [
        "cat/own.png", "cat/link/linked.png", "cat/link/deeper/linked.png", "dog/own.png",
        "elk/linked.png",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "dog/locked"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / name / "own.png")
    from os import scandir

    def guarded(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", guarded)
    with pytest.raises(PermissionError, match="dog/locked"):
        ImageFolder(tmp_path, 4)
