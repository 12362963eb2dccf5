"""Layers that enlarge images without parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import ops
from pycnn._arguments import LARGEST, choice, flag, integer, number, written
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape, check_gradient

MODES = ("nearest", "linear", "bilinear")


class Upsample(Module):
    """Enlarge images, or signals, by whole numbers; see `pycnn.ops.upsample2d`.

    Images are (N, C, H, W), signals (N, C, L). As in PyTorch, the first argument is a size:
    ``Upsample(4)`` makes images of 4 x 4 pixels, ``Upsample(scale_factor=4)`` enlarges four times.

    Parameters
    ----------
    size : int or tuple of int, optional
        Height and width, or length, of the output: whole multiples of those of the input.
    scale_factor : number or tuple of numbers, optional
        Factors of height and width, or of the length: whole numbers. Either this or `size`.
    mode : {'nearest', 'linear', 'bilinear'}
        Repeat pixels, or interpolate between them: 'bilinear' in images, 'linear' in signals.
    align_corners : bool, optional
        Only for interpolation: whether the corner pixels of input and output coincide.
    recompute_scale_factor : bool, optional
        PyTorch's; whole factors are the same with it.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        owner = type(self).__name__
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"[{owner}] either size or scale_factor must be given, got {written(size)} and "
                f"{written(scale_factor)}"
            )
        self.size = None if size is None else _for_axes(owner, "size", size)
        self.scale_factor = (
            None if scale_factor is None else _for_axes(owner, "scale_factor", scale_factor)
        )
        self.mode = choice(owner, "mode", mode, MODES)
        self.align_corners = (
            False if align_corners is None else flag(owner, "align_corners", align_corners)
        )
        if recompute_scale_factor is not None:
            flag(owner, "recompute_scale_factor", recompute_scale_factor)
        if self.align_corners and mode == "nearest":
            raise ValueError(f"[{owner}] align_corners needs mode 'bilinear' or 'linear'")

    def forward(self, x: Array) -> Array:
        """Enlarge: (N, C, H, W) to (N, C, H scale, W scale), or (N, C, L) to (N, C, L scale)."""
        shape = np.shape(x)
        geometry = self._geometry(shape)
        images = x if len(shape) == 4 else x.reshape(*shape[:2], 1, shape[2])
        y = ops.upsample2d(images, *geometry)
        self.save_for_backward(images.shape, geometry)
        return y if len(shape) == 4 else y.reshape(*y.shape[:2], y.shape[3])

    def backward(self, dy: Array) -> Array:
        """Add up the gradients of the pixels that each pixel contributed to."""
        shape, geometry = self.saved()
        check_gradient(dy)
        if dy.ndim != 3:
            return ops.upsample2d_backward(dy, shape, *geometry)
        row = dy.reshape(*dy.shape[:2], 1, dy.shape[2])
        dx = ops.upsample2d_backward(row, shape, *geometry)
        return dx.reshape(*shape[:2], shape[3])

    def _geometry(self, shape: Shape) -> tuple[tuple[int, int], str, bool]:
        """Return the arguments of the op for an input of this shape."""
        axes = len(shape) - 2
        wanted = {"nearest": (1, 2), "linear": (1,), "bilinear": (2,)}[self.mode]
        if axes not in wanted:
            texts = [("(N, C, L)", "(N, C, H, W)")[one - 1] for one in wanted]
            raise ValueError(
                f"expects {' or '.join(texts)} in mode {self.mode!r}, input was {shape}"
            )
        given = self.scale_factor or self.size
        assert given is not None  # one of them is there
        if len(given) not in (1, axes):
            raise ValueError(f"has numbers for {len(given)} axes, {given}, input was {shape}")
        numbers = given * axes if len(given) == 1 else given
        if self.scale_factor is None:
            numbers = _factors(numbers, shape)
        mode = "nearest" if self.mode == "nearest" else "bilinear"
        height, width = numbers if axes == 2 else (1, *numbers)
        return (height, width), mode, self.align_corners

    def _arguments(self) -> str:
        name = "size" if self.scale_factor is None else "scale_factor"
        text = f"{name}={getattr(self, name)}, mode={self.mode!r}"
        return text + (", align_corners=True" if self.align_corners else "")


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images in mode 'nearest'.

    Parameters
    ----------
    size, scale_factor : optional
        As for `Upsample`.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images in mode 'bilinear' with coinciding corners.

    Parameters
    ----------
    size, scale_factor : optional
        As for `Upsample`.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


def _for_axes(owner: str, name: str, value: Any) -> tuple[int, ...]:
    """Return one whole number for all axes, or one for each: of one or two."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    if len(values) not in (1, 2):
        raise ValueError(
            f"[{owner}] {name} must be a whole number or (height, width), got {written(value)}"
        )
    if name == "size":
        return tuple(integer(owner, name, one, 1) for one in values)
    return tuple(_whole(owner, name, one) for one in values)


def _whole(owner: str, name: str, value: Any) -> int:
    """Return a number, an int or a float without a fraction, as an int of at least 1."""
    if isinstance(value, (float, np.floating)):
        given = number(owner, name, value)
        if not given.is_integer() or not 1 <= given <= LARGEST:
            raise ValueError(
                f"[{owner}] {name} must be a whole number of at least 1, got {written(value)}"
            )
        return int(given)
    return integer(owner, name, value, 1)


def _factors(sizes: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """Return the factors that lead from the sizes of an input to others."""
    if any(own == 0 or size % own for size, own in zip(sizes, shape[2:], strict=True)):
        raise ValueError(
            f"makes images of size {sizes}, which must be whole multiples of those of the input "
            f"(input was {shape})"
        )
    return tuple(size // own for size, own in zip(sizes, shape[2:], strict=True))
