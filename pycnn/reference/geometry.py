"""Where windows lie: output sizes and padding of one axis, and the arguments that describe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
IntOrPair: TypeAlias = "int | tuple[int, int]"
Padding: TypeAlias = "int | tuple[int, int] | tuple[int, int, int, int] | str"


def pair(value: IntOrPair) -> tuple[int, int]:
    """Spell one number, or (height, width), as (height, width); ints are Python's or NumPy's."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"an int or (height, width) is needed, got {type(value).__name__}")
    if isinstance(value, (int, np.integer)):
        return int(value), int(value)
    height, width = value
    return int(height), int(width)


@dataclass(frozen=True)
class Axis:
    """The windows along one axis (height or width) of an image.

    Window ``p`` has its tap ``r`` over input element ``p * stride - before + r * dilation``;
    elements outside ``0 .. size - 1`` are padding.

    Attributes
    ----------
    size, kernel, stride, dilation : int
        Input elements, taps of a window, step between windows, step between taps.
    before, after : int
        Padding elements in front of and behind the input. With `ceil_mode` pooling, the last
        window may reach further than `after`.
    out : int
        Number of windows.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    def first_tap(self) -> Array:
        """Input position of tap 0 of each window, shape (out,): negative inside the padding."""
        return np.arange(self.out) * self.stride - self.before

    def overhang(self) -> int:
        """Elements behind the input that the windows need to exist: at least `after`."""
        last_tap = (self.out - 1) * self.stride - self.before + self.dilation * (self.kernel - 1)
        return max(last_tap + 1 - self.size, self.after)

    def tap(self, r: int) -> slice:
        """Elements of the padded axis that lie under tap `r`, one for each window."""
        start = r * self.dilation
        return slice(start, start + (self.out - 1) * self.stride + 1, self.stride)

    def inside(self) -> slice:
        """Part of the padded axis that is the input itself."""
        return slice(self.before, self.before + self.size)


def _check_positive(op: str, **values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"[{op}] {name.replace('_', ' ')} must be at least 1, got {value}")


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Pad so that out = ceil(size / stride); an odd element goes behind the input."""
    out = -(-size // stride)
    total = max((out - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def _padding_of_axes(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]]:
    """Spell numeric padding as ((top, bottom), (left, right))."""
    if isinstance(padding, str):
        raise ValueError(f"[conv2d] padding must be numbers, 'same' or 'valid', got {padding!r}")
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = map(int, padding)
        return (top, bottom), (left, right)
    height, width = pair(padding)
    return (height, height), (width, width)


def conv_axes(
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
) -> tuple[Axis, Axis]:
    """Windows of a convolution: out = floor((size + before + after - extent) / stride) + 1.

    The extent of a window is ``dilation * (kernel - 1) + 1`` elements.

    Raises
    ------
    ValueError
        If a size is below 1, padding is negative, or no window fits.
    """
    steps = list(zip(image, kernel, pair(stride), pair(dilation), strict=True))
    for size, taps, step, spread in steps:
        _check_positive("conv2d", input_size=size, kernel=taps, stride=step, dilation=spread)
    if padding == "same":
        pads = [_same(*axis) for axis in steps]
    else:
        pads = list(_padding_of_axes(0 if padding == "valid" else padding))
    axes = []
    for (size, taps, step, spread), (before, after) in zip(steps, pads, strict=True):
        if before < 0 or after < 0:
            raise ValueError(f"[conv2d] padding must not be negative, got {padding}")
        out = (size + before + after - spread * (taps - 1) - 1) // step + 1
        if out < 1:
            raise ValueError(
                f"[conv2d] the window of {spread * (taps - 1) + 1} elements does not fit into the "
                f"padded input of {size + before + after}"
            )
        axes.append(Axis(size, taps, step, spread, before, after, out))
    return axes[0], axes[1]


def pool_axes(
    op: str,
    image: tuple[int, int],
    kernel: IntOrPair,
    stride: IntOrPair | None,
    padding: IntOrPair,
    dilation: IntOrPair,
    ceil_mode: bool,
) -> tuple[Axis, Axis]:
    """Windows of a pooling, by PyTorch's rules.

    ``out = floor((size + 2 padding - extent) / stride) + 1``; with `ceil_mode` the division
    rounds up, but a last window that would start in the padding behind the input is dropped.

    Raises
    ------
    ValueError
        If a size is below 1, padding is negative or more than half the kernel, or no window fits.
    """
    axes = []
    for size, taps, step, pad, spread in zip(
        image,
        pair(kernel),
        pair(kernel if stride is None else stride),
        pair(padding),
        pair(dilation),
        strict=True,
    ):
        _check_positive(op, input_size=size, kernel=taps, stride=step, dilation=spread)
        if not 0 <= pad <= taps // 2:
            raise ValueError(
                f"[{op}] padding must be between 0 and half the kernel ({taps // 2}), got {pad}"
            )
        room = size + 2 * pad - spread * (taps - 1) - 1
        out = (room + (step - 1 if ceil_mode else 0)) // step + 1
        if ceil_mode and (out - 1) * step >= size + pad:
            out -= 1
        if out < 1:
            raise ValueError(
                f"[{op}] the window of {spread * (taps - 1) + 1} elements does not fit into the "
                f"padded input of {size + 2 * pad}"
            )
        axes.append(Axis(size, taps, step, spread, pad, pad, out))
    return axes[0], axes[1]


def pad_image(x: Array, height: Axis, width: Axis, value: float = 0.0) -> Array:
    """Copy `x` (N, C, H, W) into an array of `value` with room for every window."""
    margins = ((0, 0), (0, 0), (height.before, height.overhang()), (width.before, width.overhang()))
    return np.pad(x, margins, constant_values=value)


def windows(padded: Array, height: Axis, width: Axis) -> Array:
    """View of all windows of a padded image, shape (N, C, P, Q, R, S): nothing is copied."""
    extent = tuple(axis.dilation * (axis.kernel - 1) + 1 for axis in (height, width))
    dense = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(2, 3))
    return dense[
        :,
        :,
        : height.tap(0).stop : height.stride,
        : width.tap(0).stop : width.stride,
        :: height.dilation,
        :: width.dilation,
    ]
