"""Choose black and white for pictures with one number per pixel that is not just 8 bits.

- **Unsigned 16 bits** (and 12): 0 is black, 65535 (4095) is white.
- **Floats** have no natural range. The range is the first of 0..1, 0..255 and 0..65535 that holds
  all of them, or nearly: numbers outside by at most a quarter of the largest one (scaling a picture
  overshoots), or one in a thousand of those that are not 0, are clipped.
- **32-bit integers**, signed or unsigned as the file says: the first of 0..1 (a mask), 0..255 and
  0..65535 that holds all of them.
- **Signed 16 and 8 bits**: the first of 0..1, 0..255 and 0..32767, or of 0..1 and 0..127.
- All others are scaled so that the smallest is black and the largest is white.

NaN and infinity are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

# TIFF's tags for the bits of a number, for its kind, and for the meaning of 0; and values of the
# last two. Pillow obeys "0 is white" for 8 bits, opens 12 bits in the mode of 16, and drops signs.
_BITS, _KIND, _PHOTOMETRIC = 258, 339, 262
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_WHITE_IS_ZERO = 0
# 16-bit formats, whatever mode Pillow opens them in; it scales a PPM's numbers to 16 bits.
_DEEP = ("PNG", "PPM")
# Candidates for white, by kind and bits.
_WHITES = {
    (_FLOAT, 32): (1.0, 255.0, 65535.0),
    (_UNSIGNED, 32): (1.0, 255.0, 65535.0),
    (_SIGNED, 32): (1.0, 255.0, 65535.0),
    (_SIGNED, 16): (1.0, 255.0, 32767.0),
    (_SIGNED, 8): (1.0, 127.0),
}
# Floats may exceed their range by this share of the largest one; one in this many by any amount.
_BEYOND = 0.25
_ONE_IN = 1000

Array = npt.NDArray[Any]
Parts = Callable[[], "Iterator[Image.Image]"]


class _Numbers(NamedTuple):
    """The kind of numbers in a picture, as its file states it."""

    kind: int
    bits: int
    white_is_zero: bool

    def of(self, part: Image.Image) -> Array:
        """Return the numbers of a part of the picture."""
        values = np.asarray(part)
        if self.kind == _SIGNED and self.bits == 8:
            return values.view(np.int8)
        if self.kind == _UNSIGNED and self.bits == 32:
            return values.view(np.uint32)
        return values


def is_of_numbers(image: Image.Image) -> bool:
    """Return whether a picture has one number per pixel that is not just unsigned 8 bits."""
    return image.mode[0] in "IF" or (image.mode == "L" and _numbers(image).kind == _SIGNED)


def converter_of_numbers(image: Image.Image, parts: Parts) -> Callable[[Image.Image], Image.Image]:
    """Return a function that converts parts of a picture of numbers to RGB, after a look at all.

    Parameters
    ----------
    image : PIL.Image.Image
        An opened picture file.
    parts : callable
        Returns an iterator over the parts of the picture, at every call.

    Raises
    ------
    ValueError
        If the picture holds NaN or infinity.
    """
    from PIL import Image

    numbers = _numbers(image)
    black, white = _range(numbers, parts)
    transparent = image.info.get("transparency")

    def converted(part: Image.Image) -> Image.Image:
        values = numbers.of(part)
        if (black, white) == (0, 65535) and numbers.kind != _FLOAT:
            grey = values // 257
        else:
            scaled = (values.astype(np.float64) - black) * (255 / ((white - black) or 1.0))
            grey = np.round(np.clip(scaled, 0, 255))
        if numbers.white_is_zero:
            grey = 255 - grey
        if isinstance(transparent, int):
            grey = np.where(values == transparent, 255, grey)
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")

    return converted


def _numbers(image: Image.Image) -> _Numbers:
    """Return the kind of numbers in an opened picture file."""
    tags = getattr(image, "tag_v2", {})
    white_is_zero = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    bits = tags.get(_BITS, (16,))[0]
    # Older versions of Pillow open a 16-bit PNG in the 32-bit mode.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in _DEEP):
        return _Numbers(_UNSIGNED, min(bits, 16), white_is_zero)
    if image.mode == "F":
        return _Numbers(_FLOAT, 32, white_is_zero)
    kind = tags.get(_KIND, (_UNSIGNED,))[0]
    if image.mode == "I":
        return _Numbers(kind if tags else _SIGNED, bits if tags else 32, white_is_zero)
    return _Numbers(kind, 8, white_is_zero)


def _range(numbers: _Numbers, parts: Parts) -> tuple[float, float]:
    """Return the numbers that are black and white."""
    whites = _WHITES.get((numbers.kind, numbers.bits))
    if whites is None:
        return 0.0, float((1 << numbers.bits) - 1)
    ends = [(values.min(), values.max()) for values in map(numbers.of, parts())]
    low, high = float(min(low for low, _ in ends)), float(max(high for _, high in ends))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("it holds NaN or infinity")
    is_float = numbers.kind == _FLOAT
    beyond = _BEYOND if is_float else 0.0
    for white in whites:
        if low >= -beyond * high and high <= (1 + beyond) * white:
            return 0.0, white
        if is_float and _nearly_all(white, map(numbers.of, parts())):
            return 0.0, white
    return low, high


def _nearly_all(white: float, parts: Iterator[Array]) -> bool:
    """Return whether nearly all floats that are not 0 lie in 0..`white` or just outside."""
    outside = others = 0
    for values in parts:
        far = (values < -_BEYOND) | (values > (1 + _BEYOND) * white)
        outside += np.count_nonzero(far)
        others += np.count_nonzero(values)
    return outside * _ONE_IN <= others


def kind_of_tiff(file: BinaryIO) -> str | None:
    """Describe in words a TIFF that Pillow cannot open; return None if it is not a TIFF."""
    from PIL.TiffImagePlugin import PREFIXES, ImageFileDirectory_v2

    file.seek(0)
    head = file.read(16)
    if not head.startswith(tuple(PREFIXES)):
        return None
    order = "big-endian" if head.startswith(b"MM") else "little-endian"
    try:
        directory = ImageFileDirectory_v2(head[: 16 if b"+" in head[2:4] else 8])
        file.seek(directory.next)
        directory.load(file)
        bits, kind = (int(directory.get(tag, (1,))[0]) for tag in (_BITS, _KIND))
        photometric = int(directory.get(_PHOTOMETRIC, 1))
    except Exception:  # Pillow reports broken files in many ways
        return f"{order} numbers that cannot be made out"
    names = {
        _UNSIGNED: "integers without a sign",
        _SIGNED: "integers with a sign",
        _FLOAT: "floats",
    }
    name = names.get(kind, f"numbers of kind {kind}")
    meaning = ", 0 is white" if photometric == _WHITE_IS_ZERO else ""
    return f"{order} {bits}-bit {name}{meaning} (photometric interpretation {photometric})"
