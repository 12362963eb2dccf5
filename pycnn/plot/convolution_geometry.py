"""Where the window of a convolution stands at each step, and what it gives there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import flag, pair
from pycnn.reference.geometry import IntOrPair, Padding, conv_axes

Plane: TypeAlias = npt.NDArray[np.float32]
Size: TypeAlias = "int | tuple[int, int]"
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sliding:
    """A kernel that slides over a padded image.

    Attributes
    ----------
    padded : (H', W') float32 array
        The image with its padding; in a transposed convolution also with zeros between.
    given : (H', W') bool array
        Which cells of `padded` are the image; the others are zeros.
    kernel : (R, S) float32 array
        The kernel, as it lies on the image.
    output : (P, Q) float32 array
        One number for each step, row by row.
    stride, dilation : (int, int)
        Cells between steps, and between the taps of the kernel.
    numbered : bool
        Whether the numbers are the user's, and not only the sizes.
    """

    padded: Plane
    given: Flags
    kernel: Plane
    output: Plane
    stride: tuple[int, int]
    dilation: tuple[int, int]
    numbered: bool

    def __len__(self) -> int:
        """Count the steps: one for each output."""
        return self.output.size

    def step(self, number: int) -> tuple[int, int]:
        """Row and column of the output of a step."""
        row, column = divmod(number, self.output.shape[1])
        return row, column

    def taps(self, number: int) -> list[tuple[int, int, int, int]]:
        """Cells under the kernel at a step: (row, column) in `padded`, (r, s) in the kernel."""
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
        Numbers, or an int or (height, width) where there are only sizes.
    stride, padding, dilation
        As in `pycnn.ops.conv2d`; a transposed convolution takes padding as int or (h, w).
    transposed : bool
        Whether it is a transposed convolution. It is drawn as the convolution that gives the same:
        stride - 1 zeros between the cells of the image, a border of dilation (R - 1) - padding
        zeros, and the kernel turned by 180 degrees (Dumoulin and Visin, section 4).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above or no window fits.
    """
    x, x_numbered = _plane("image", image)
    w, w_numbered = _plane("kernel", kernel)
    down, right = pair("convolution", "dilation", dilation, 1)
    if flag("[convolution] transposed", transposed):
        steps = pair("convolution", "stride", stride, 1)
        border = _transposed_border(w, padding, (down, right))
        size = [(n - 1) * step + 1 for n, step in zip(x.shape, steps, strict=True)]
        spread = np.zeros(size, np.float32)
        given = np.zeros(spread.shape, bool)
        spread[:: steps[0], :: steps[1]] = x
        given[:: steps[0], :: steps[1]] = True
        x, w, stride, padding = spread, np.ascontiguousarray(w[::-1, ::-1]), 1, border
    else:
        given = np.ones(x.shape, bool)
    height, width = conv_axes(_size(x), _size(w), stride, padding, (down, right))
    y = ops.conv2d(
        x[np.newaxis, np.newaxis], w[np.newaxis, np.newaxis],
        stride=stride, padding=padding, dilation=(down, right),
    )  # fmt: skip
    margins = ((height.before, height.after), (width.before, width.after))
    return Sliding(
        padded=np.pad(x, margins),
        given=np.pad(given, margins),
        kernel=w,
        output=y[0, 0],
        stride=(height.stride, width.stride),
        dilation=(down, right),
        numbered=x_numbered and w_numbered,
    )


def _size(plane: Plane) -> tuple[int, int]:
    height, width = plane.shape
    return height, width


def _plane(name: str, value: Any) -> tuple[Plane, bool]:
    """Give numbers as float32, or ones for a size; and whether they are numbers."""
    if isinstance(value, (int, tuple)):
        return np.ones(pair("convolution", f"size of the {name}", value, 1), np.float32), False
    plane = np.ascontiguousarray(value, np.float32)
    if plane.ndim != 2 or plane.size == 0:
        raise ValueError(f"the {name} must be (height, width), got shape {plane.shape}")
    return plane, True


def _transposed_border(
    kernel: Plane, padding: Padding, dilation: tuple[int, int]
) -> tuple[int, int]:
    """Zeros above and below, left and right of the image of a transposed convolution."""
    if isinstance(padding, str):
        raise ValueError(f"a transposed convolution takes padding as numbers, got {padding!r}")
    pads = pair("convolution", "padding", padding, 0)
    reach = [d * (n - 1) for d, n in zip(dilation, kernel.shape, strict=True)]
    if any(p > r for p, r in zip(pads, reach, strict=True)):
        raise ValueError(
            f"padding {pads} of a transposed convolution can be drawn up to {tuple(reach)}"
        )
    return reach[0] - pads[0], reach[1] - pads[1]
