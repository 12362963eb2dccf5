"""The position of a convolution's window at each step, and its output there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import flag, pair
from pycnn.plot.canvas import by
from pycnn.reference.geometry import IntOrPair, Padding, conv_axes

Plane: TypeAlias = npt.NDArray[np.float32]
Size: TypeAlias = "int | tuple[int, int]"
Flags: TypeAlias = npt.NDArray[np.bool_]

# The most cells of a side that can be drawn, padding included.
MOST_CELLS = 40


@dataclass(frozen=True)
class Sliding:
    """A kernel that slides over a padded image.

    Attributes
    ----------
    padded : (H', W') float32 array
        The image with its padding; for a transposed convolution also with zeros in between.
    given : (H', W') bool array
        Which cells of `padded` are the image; the others are zeros.
    kernel : (R, S) float32 array
        The kernel, as it lies on the image.
    output : (P, Q) float32 array
        One number for each step, row by row.
    stride, dilation : (int, int)
        Cells between steps, and between the taps of the kernel.
    numbered : bool
        Whether the user gave numbers and not only sizes.
    """

    padded: Plane
    given: Flags
    kernel: Plane
    output: Plane
    stride: tuple[int, int]
    dilation: tuple[int, int]
    numbered: bool

    def __len__(self) -> int:
        """Return the number of steps: one for each output."""
        return self.output.size

    def step(self, number: int) -> tuple[int, int]:
        """Return the row and column of the output of a step."""
        row, column = divmod(number, self.output.shape[1])
        return row, column

    def taps(self, number: int) -> list[tuple[int, int, int, int]]:
        """Return the cells under the kernel at a step: (row, column) in `padded`, (r, s) in it."""
        row, column = self.step(number)
        top, left = row * self.stride[0], column * self.stride[1]
        down, right = self.dilation
        return [(top + r * down, left + s * right, r, s) for r, s in np.ndindex(*self.kernel.shape)]


def sliding(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    *,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    transposed: bool = False,
) -> Sliding:
    """Lay out a convolution of one channel, or a transposed one.

    Parameters
    ----------
    image, kernel : (H, W) and (R, S) arrays, or sizes
        Numbers, or an int or (height, width) if there are only sizes.
    stride, padding, dilation
        As in `pycnn.ops.conv2d`; a transposed convolution takes padding as int or (h, w).
    transposed : bool
        Whether it is a transposed convolution. It is drawn as the equivalent convolution, with
        stride - 1 zeros between the cells of the image, a border of dilation (R - 1) - padding
        zeros, and the kernel turned by 180 degrees (Dumoulin and Visin, section 4).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, no window fits, or a side is longer than 40 cells.
    """
    size, x = _given("image", image)
    taps, w = _given("kernel", kernel)
    down, right = pair("convolution", "dilation", dilation, 1)
    gaps = (1, 1)
    if flag("convolution", "transposed", transposed):
        gaps = pair("convolution", "stride", stride, 1)
        stride, padding = 1, _transposed_border(taps, padding, (down, right))
    size = (size[0] - 1) * gaps[0] + 1, (size[1] - 1) * gaps[1] + 1
    height, width = conv_axes(size, taps, stride, padding, (down, right))
    cells = [axis.before + axis.size + axis.after for axis in (height, width)]
    if max(cells) > MOST_CELLS:
        raise ValueError(
            f"{by(*cells)} cells, padding included, are too many to draw, "
            f"up to {by(MOST_CELLS, MOST_CELLS)}: take a smaller image (--input)"
        )
    spread, given = np.zeros(size, np.float32), np.zeros(size, np.bool_)
    spread[:: gaps[0], :: gaps[1]] = 1 if x is None else x
    given[:: gaps[0], :: gaps[1]] = True
    lying = np.ones(taps, np.float32) if w is None else w
    if transposed:
        lying = np.ascontiguousarray(lying[::-1, ::-1])
    y = ops.conv2d(
        spread[np.newaxis, np.newaxis], lying[np.newaxis, np.newaxis],
        stride=stride, padding=padding, dilation=(down, right),
    )  # fmt: skip
    margins = ((height.before, height.after), (width.before, width.after))
    return Sliding(
        padded=np.pad(spread, margins),
        given=np.pad(given, margins),
        kernel=lying,
        output=y[0, 0],
        stride=(height.stride, width.stride),
        dilation=(down, right),
        numbered=x is not None and w is not None,
    )


def _given(name: str, value: Any) -> tuple[tuple[int, int], Plane | None]:
    """Return height and width, and the numbers as float32 if there are any."""
    if isinstance(value, (int, np.integer, tuple)):
        return pair("convolution", f"size of the {name}", value, 1), None
    plane = np.ascontiguousarray(value, np.float32)
    if plane.ndim != 2 or plane.size == 0:
        raise ValueError(f"the {name} must be (height, width), got shape {plane.shape}")
    height, width = plane.shape
    return (height, width), plane


def _transposed_border(
    kernel: tuple[int, int], padding: Padding, dilation: tuple[int, int]
) -> tuple[int, int]:
    """Return the zeros above, below, left and right of the image of a transposed convolution."""
    if isinstance(padding, str):
        raise ValueError(f"a transposed convolution takes padding as numbers, got {padding!r}")
    pads = pair("convolution", "padding", padding, 0)
    reach = [d * (n - 1) for d, n in zip(dilation, kernel, strict=True)]
    if any(p > r for p, r in zip(pads, reach, strict=True)):
        raise ValueError(
            f"padding {pads} of a transposed convolution can be drawn up to {tuple(reach)}"
        )
    return reach[0] - pads[0], reach[1] - pads[1]
