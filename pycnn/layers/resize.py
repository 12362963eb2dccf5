"""Layers that enlarge images without parameters."""

from __future__ import annotations

from typing import Any

from pycnn import ops
from pycnn._arguments import choice, flag, integer, pair
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array

MODES = ("nearest", "bilinear")


class Upsample(Module):
    """Enlarge images by whole numbers; see `pycnn.ops.upsample2d`.

    Parameters
    ----------
    scale_factor : int or (int, int)
        Factor of height and width.
    mode : {'nearest', 'bilinear'}
        Repeat pixels, or interpolate between them.
    align_corners : bool
        Only for 'bilinear': whether the corner pixels of input and output coincide.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        scale_factor: int | tuple[int, int],
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        self.scale_factor = pair("Upsample", "scale_factor", scale_factor, 1)
        self.mode = choice("Upsample", "mode", mode, MODES)
        self.align_corners = flag("Upsample", "align_corners", align_corners)
        if self.align_corners and mode != "bilinear":
            raise ValueError("[Upsample] align_corners needs mode 'bilinear'")
        self._geometry: tuple[Any, ...] = (self.scale_factor, self.mode, self.align_corners)

    def forward(self, x: Array) -> Array:
        """Enlarge: (N, C, H, W) to (N, C, H scale, W scale)."""
        y = ops.upsample2d(x, *self._geometry)
        self.save_for_backward(x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Add up the gradients of the pixels that each pixel contributed to."""
        (shape,) = self.saved()
        return ops.upsample2d_backward(dy, shape, *self._geometry)

    def _arguments(self) -> str:
        text = f"{self.scale_factor}, mode={self.mode!r}"
        return text + (", align_corners=True" if self.align_corners else "")


class ZeroPad2d(Module):
    """Put rows and columns of zeros around images; see `pycnn.ops.zero_pad2d`.

    Parameters
    ----------
    padding : int, (int, int) or (int, int, int, int)
        All sides, (height, width), or (top, bottom, left, right). The order is that of `Conv2d`,
        not PyTorch's.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above.
    """

    def __init__(self, padding: int | tuple[int, int] | tuple[int, int, int, int]) -> None:
        self.padding: tuple[int, ...]
        if isinstance(padding, (tuple, list)) and len(padding) == 4:
            self.padding = tuple(integer("ZeroPad2d", "padding", side, 0) for side in padding)
        else:
            self.padding = pair("ZeroPad2d", "padding", padding, 0)

    def forward(self, x: Array) -> Array:
        """Pad: (N, C, H, W) to (N, C, top + H + bottom, left + W + right)."""
        y = ops.zero_pad2d(x, self.padding)  # type: ignore[arg-type]  # two or four numbers
        self.save_for_backward(x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Return the part of the gradient that is not padding."""
        (shape,) = self.saved()
        return ops.zero_pad2d_backward(dy, shape, self.padding)  # type: ignore[arg-type]

    def _arguments(self) -> str:
        return f"{self.padding}"
